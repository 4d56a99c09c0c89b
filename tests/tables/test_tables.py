"""Tables of results: what is asked for, what is kept, and what is best."""

import csv
import io
import itertools
import json
import math
import statistics
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.commands import IMAGES, TINY

from genkit.core.metric import EvaluationProtocol
from genkit.errors import RecipeError, UsageError
from genkit.evaluation.evaluate import Result
from genkit.parts.datasets.digits import Digits
from genkit.recipe.plan import Plan
from genkit.recipe.shipped import recipes_folder
from genkit.runs.run_folder import RunFolder
from genkit.tables.experiment import differences, experiments_of, try_steps
from genkit.tables.figure import check_figure, save_figure
from genkit.tables.jobs import bring_to_end
from genkit.tables.results_file import CellResult, ResultsFile
from genkit.tables.results_table import FORMATS, ResultsTable, plain
from genkit.tables.selection import selected, without_needs
from genkit.tables.spec import cells_of, read_table
from genkit.tables.summary import Number, lines_of, remarks_of, with_best
from genkit.tables.train_missing import missing

TABLE = """\
title = "A & B | C_1"
metrics = ["modes"]
seeds = [0, 1]

[columns.narrow]
recipe = "tiny.toml"
ignore = ["loss.beta_kl"]

[columns.wide]
title = "wide 100%"
recipe = "tiny.toml"
set.model.width = 32
set.train.steps = 7

[rows.a]
set.loss.beta_kl = 0.5

[rows.b]
title = "B_2"
set.train.steps = 9
set.loss = { beta_kl = 0.25, beta_rec = 2.0 }
columns = ["wide"]

[published]
source = "nobody"
cells.a.wide = { modes = 8.0 }
"""


@pytest.fixture
def table_file(tmp_path):
    """Write a table beside the tiny recipe, with pieces of its text replaced."""
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")

    def write(*changes):
        text = TABLE
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (tmp_path / "table.toml").write_text(text, encoding="utf-8")
        return tmp_path / "table.toml"

    return write


def experiments_in(path):
    return experiments_of(read_table(path), path)


def test_a_row_prevails_over_a_column_and_a_column_ignores_what_it_has_not(table_file):
    path = table_file()
    overrides = {str(cell): set(cell.overrides) for cell in cells_of(read_table(path), path)}
    assert overrides == {
        "a/narrow": set(),
        "a/wide": {"model.width=32", "train.steps=7", "loss.beta_kl=0.5"},
        "b/wide": {"model.width=32", "train.steps=9", "loss.beta_kl=0.25", "loss.beta_rec=2.0"},
    }


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (('columns = ["wide"]', 'columns = ["wdie"]'), 22, 'no column "wdie". Did you mean wide?'),
        (("cells.a.wide", "cells.c.wide"), 26, 'no row "c"'),
        (("cells.a.wide", "cells.a.other"), 26, 'no column "other"'),
        (("{ modes = 8.0 }", "{ modes = nan }"), 26, "found nan, expected a number"),
        (("{ modes = 8.0 }", '{ modes = "8.0" }'), 26, 'found "8.0", expected a number'),
        (("{ modes = 8.0 }", "{ moods = 8.0 }"), 26, '"moods" is no metric of this table. Did you mean modes?'),
        (('ignore = ["loss.beta_kl"]', 'ignore = ["loss.beta_k"]'), 7, "no row sets loss.beta_k."),
        (("[rows.a]", '[rows.a]\nignore.narrow = ["loss.beta_rec"]'), 16, "it does not set loss.beta_rec."),
        (("[rows.a]", '[rows.a]\nignore.narow = ["loss"]'), 16, 'no column "narow". Did you mean narrow?'),
        (("seeds = [0, 1]", "seeds = []"), 3, "is empty"),
        (("seeds = [0, 1]", "seeds = [1, 1]"), 3, "names 1 twice"),
        (("seeds = [0, 1]", "seeds = [-1]"), 3, "found [-1]"),
        (('columns = ["wide"]', 'columns = ["wide", "wide"]'), 22, "names wide twice"),
        (('metrics = ["modes"]', 'metrics = ["modes", "modes"]'), 2, "names modes twice"),
        (("set.model.width = 32", "set.seed = 3"), 12, "the table's own seeds"),
        *[(("[rows.a]", f'[rows."{name}"]'), 15, "its title is free") for name in ("a/b", "a b", "a*", "", "[a]")],
        (('recipe = "tiny.toml"\nignore', "ignore"), 5, "missing"),
        (("[rows.a]", "[rows.a]\ncolour = 1"), 16, "unknown key"),
    ],
)
def test_a_mistake_of_a_table_is_named_with_its_line(table_file, change, line, told):
    path = table_file(change)
    with pytest.raises(RecipeError) as refused:
        read_table(path)
    assert any(problem.place.line == line and told in problem.text for problem in refused.value.problems), refused.value


def test_what_is_wrong_with_the_recipes_of_all_cells_is_told_at_once(table_file):
    path = table_file(
        ('recipe = "tiny.toml"\nignore', 'recipe = "absent.toml"\nignore'), ("beta_rec = 2.0", "beta = 2.0")
    )
    with pytest.raises(UsageError) as refused:
        experiments_in(path)
    text = str(refused.value)
    assert "a/narrow" in text and "absent.toml" in text
    assert "b/wide" in text and "loss" in text and "beta" in text


def test_a_mistake_in_what_is_set_is_named_with_its_line_in_the_table_and_its_cells(table_file):
    path = table_file(("set.loss.beta_kl = 0.5", "set.loss.beta_kll = 0.5"), ("width = 32", "width = -1"))
    with pytest.raises(UsageError) as refused:
        experiments_in(path)
    lines = str(refused.value).splitlines()
    assert len(lines) == len(set(lines)) == 2, lines
    unknown = next(line for line in lines if "beta_kll" in line)
    assert unknown.startswith(f"{path}:16 [rows.a.set.loss] beta_kll: unknown key")
    assert 'ignore = ["loss.beta_kll"]' in unknown and unknown.endswith("In a/narrow, a/wide.")
    assert any(line.startswith(f"{path}:12 [columns.wide.set.model] width: ") for line in lines)


def test_a_table_that_is_empty_is_set_as_such(table_file):
    path = table_file(("set.model.width = 32", "set.metrics.high-quality = {}"))
    assert "high-quality" in experiments_in(path)[2].plan.metrics


def test_a_metric_that_no_recipe_has_is_refused(table_file):
    with pytest.raises(UsageError, match='no recipe of the table has a metric "kl"'):
        experiments_in(table_file(('metrics = ["modes"]', 'metrics = ["modes", "kl"]')))


def test_unlike_protocols_are_refused_in_one_line(table_file):
    path = table_file(("set.model.width = 32", "set.model.width = 32\nset.metrics.modes.samples = 200"))
    with pytest.raises(
        UsageError, match=r'table\.toml:2 metrics: a/narrow and a/wide make "modes" by unlike protocols'
    ):
        experiments_in(path)
    same_protocol = 'm = { use = "%s", samples = 100 }'
    path = table_file(
        ('metrics = ["modes"]', 'metrics = ["m"]'),
        ('recipe = "tiny.toml"\nignore', f'recipe = "tiny.toml"\nset.metrics.{same_protocol % "modes"}\nignore'),
        ("set.model.width = 32", f"set.metrics.{same_protocol % 'high-quality'}"),
        ("{ modes = 8.0 }", "{ m = 8.0 }"),
    )
    with pytest.raises(UsageError, match="modes of 100 samples.* and high-quality of 100 samples"):
        experiments_in(path)


def test_rows_may_be_measured_in_their_own_ways_and_it_is_said(table_file):
    path = table_file(('title = "B_2"', 'title = "B_2"\nset.metrics.modes.samples = 200'))
    filled = ResultsTable.of(read_table(path), experiments_in(path), {})
    assert [(what, how.partition(",")[0]) for what, how in filled.how()] == [
        ("modes, a", "100 samples"),
        ("modes, B_2", "200 samples"),
    ]
    protocols = {line["row"]: line["protocol"] for line in csv.DictReader(io.StringIO(FORMATS["csv"](filled)))}
    assert protocols["a"].startswith("100 samples") and protocols["b"].startswith("200 samples")


def test_a_protocol_that_holds_in_some_columns_alone_names_them(tmp_path):
    (tmp_path / "digits.toml").write_text(
        IMAGES.replace("hidden = 8", "") + "[metrics.reconstruction-error]\n", encoding="utf-8"
    )
    columns = [
        f'[columns.{norm}]\nrecipe = "digits.toml"\n'
        f'set.model = {{ use = "introvae-conv", latent_dim = 4, channels = [4], norm = "{norm}" }}\n'
        for norm in ("batch", "group", "none")
    ]
    rows = "[rows.a]\n[rows.b]\nset.loss.beta_kl = 0.5\n"
    text = 'title = "Norms"\nmetrics = ["reconstruction-error"]\nseeds = [0]\n' + "".join(columns) + rows
    (tmp_path / "table.toml").write_text(text, encoding="utf-8")
    path = tmp_path / "table.toml"
    filled = ResultsTable.of(read_table(path), experiments_in(path), {})
    assert [(what, "batch norm" in how) for what, how in filled.how()] == [
        ("reconstruction-error, batch", True),
        ("reconstruction-error, group; none", False),
    ]


def test_a_column_may_ignore_a_whole_table(table_file):
    path = table_file(
        ('ignore = ["loss.beta_kl"]', 'ignore = ["loss", "metrics.modes-too"]'),
        ("set.loss.beta_kl = 0.5", 'set.loss.beta_kl = 0.5\nset.metrics.modes-too = { use = "modes", samples = 100 }'),
    )
    resolved = {str(each.cell): each.plan.resolved for each in experiments_in(path)}
    assert "modes-too" in resolved["a/wide"]["metrics"] and "modes-too" not in resolved["a/narrow"]["metrics"]
    assert resolved["a/narrow"]["loss"]["beta_kl"] != 0.5


def test_a_row_may_say_what_one_column_ignores_of_it(table_file):
    path = table_file(
        ('ignore = ["loss.beta_kl"]', ""),
        ("set.loss.beta_kl = 0.5", 'set.loss.beta_kl = 0.5\nignore.narrow = ["loss"]'),
    )
    overrides = {str(cell): set(cell.overrides) for cell in cells_of(read_table(path), path)}
    assert overrides["a/narrow"] == set() and "loss.beta_kl=0.5" in overrides["a/wide"]


def test_every_cell_has_every_seed(table_file):
    names = [str(experiment) for experiment in experiments_in(table_file())]
    assert names == ["a/narrow/0", "a/narrow/1", "a/wide/0", "a/wide/1", "b/wide/0", "b/wide/1"]


def fingerprint_with(table_file, *lines):
    return experiments_in(table_file(("set.model.width = 32", "\n".join(["set.model.width = 32", *lines]))))[
        2
    ].fingerprint


def test_a_training_is_known_by_what_decides_its_weights_and_by_nothing_else(table_file):
    plain = fingerprint_with(table_file)
    for without_effect in (
        'set.title = "x"',
        "set.report.log_every = 3",
        "set.checkpoint.keep = 1",
        "set.metrics.high-quality.samples = 9",
    ):
        assert fingerprint_with(table_file, without_effect) == plain
    effects = ("set.train.batch_size = 32", "set.optimiser.encoder.lr = 1e-4", "set.ema.decay = 0.5")
    assert len({plain, *(fingerprint_with(table_file, effect) for effect in effects)}) == 4


def test_cells_that_ask_for_one_training_share_its_run(table_file):
    both = experiments_in(
        table_file(('columns = ["wide"]', ""), ("set.train.steps = 9\n", ""), ("set.train.steps = 7\n", ""))
    )
    runs = {str(experiment): experiment.run for experiment in both}
    assert runs["a/narrow/0"] != runs["a/narrow/1"] and runs["a/narrow/0"] != runs["b/narrow/0"]
    ignored = experiments_in(
        table_file(
            ('columns = ["wide"]', ""),
            ("set.train.steps = 9\n", ""),
            ('"loss.beta_kl"', '"loss.beta_kl", "loss.beta_rec"'),
        )
    )
    runs = {str(experiment): experiment.run for experiment in ignored}
    assert runs["a/narrow/0"] == runs["b/narrow/0"]


def test_every_shipped_table_plans():
    tables = sorted((recipes_folder() / "tables").glob("*.toml"))
    assert tables
    for path in tables:
        assert experiments_in(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((recipes_folder() / "tables").glob("*.toml")), ids=lambda path: path.stem)
def test_every_cell_of_a_shipped_table_takes_its_step(path):
    try_steps(experiments_in(path), path)


# What is kept


def result(value, label="modes", **protocol):
    return Result(
        label, value, "higher", EvaluationProtocol(**{"samples": 50, "split": "drawn", "weights": "raw", **protocol})
    )


def kept(value, digest="d1", **keys):
    return CellResult(f"run-{digest}", digest, {"loss": {"beta_kl": 0.5}}, {"modes": result(value)}, **keys)


def test_what_is_kept_is_read_back(tmp_path):
    results_file = ResultsFile(tmp_path / "deep" / "t.json", "t.toml")
    assert results_file.read() == {}
    given = {"a/x/0": kept(3.0, made_with={"threads": 1}), "a/x/1": kept(None), "a/y/0": kept(1.0, "d2", failure="NaN")}
    for name, record in given.items():
        results_file.add(name, record)
    assert results_file.read() == given
    content = json.loads(results_file.path.read_text())
    assert set(content["recipes"]) == {"d1", "d2"} and len(content["protocols"]) == 1


def test_nothing_is_lost_when_several_add_at_once(tmp_path):
    def add(first):
        for number in range(first, 40, 4):
            ResultsFile(tmp_path / "t.json", "t.toml").add(f"a/x/{number}", kept(float(number)))

    workers = [threading.Thread(target=add, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    values = {
        name: record.results["modes"].value
        for name, record in ResultsFile(tmp_path / "t.json", "t.toml").read().items()
    }
    assert values == {f"a/x/{number}": float(number) for number in range(40)}


def test_the_results_of_another_table_are_not_written_over(tmp_path):
    ResultsFile(tmp_path / "t.json", "t.toml").add("a/x/0", kept(1.0))
    before = (tmp_path / "t.json").read_bytes()
    with pytest.raises(UsageError, match=r"holds the results of t\.toml, and other\.toml would write over them"):
        ResultsFile(tmp_path / "t.json", "other.toml").add("a/x/0", kept(2.0))
    assert (tmp_path / "t.json").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1}', "[1]", '{"format": 9}', "<<<<<<< HEAD\n{}"])
def test_a_damaged_file_is_refused_and_kept(tmp_path, text):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is damaged|has the format 9"):
        ResultsFile(path, "t.toml").add("a/x/0", kept(1.0))
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("recipes", "d1"), "x"),
        (("protocols", None, "details"), 3),
        (("protocols", None, "samples"), "5000"),
        (("cells", "a/x/0", "run"), 5),
        (("cells", "a/x/0", "failure"), None),
        (("cells", "a/x/0", "made_with"), []),
        (("cells", "a/x/0", "results", "modes", "better"), "up"),
    ],
)
def test_a_file_that_was_merged_by_mistake_is_refused(tmp_path, place, value):
    ResultsFile(tmp_path / "t.json", "t.toml").add("a/x/0", kept(1.0))
    inner = content = json.loads((tmp_path / "t.json").read_text())
    for key in place[:-1]:
        inner = inner[key if key is not None else next(iter(inner))]
    inner[place[-1]] = value
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"t\.json: is damaged: .*Take it from version control"):
        ResultsFile(tmp_path / "t.json", "t.toml").read()


@pytest.mark.parametrize("value", ["text", True, float("nan"), float("inf")])
def test_a_kept_number_that_is_none_is_refused(tmp_path, value):
    ResultsFile(tmp_path / "t.json", "t.toml").add("a/x/0", kept(1.0))
    content = json.loads((tmp_path / "t.json").read_text())
    content["cells"]["a/x/0"]["results"]["modes"]["value"] = value
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"t\.json: is damaged: .*Take it from version control"):
        ResultsFile(tmp_path / "t.json", "t.toml").read()


def test_what_is_kept_serves_while_recipe_and_protocol_are_the_same(table_file):
    experiment = experiments_in(table_file())[0]
    protocol = experiment.plan.protocols["modes"]
    record = CellResult(
        experiment.run, experiment.fingerprint, experiment.recipe, {"modes": Result("modes", 1.0, "higher", protocol)}
    )
    assert record.serves(experiment)
    assert not replace(record, recipe={**record.recipe, "ema": {"decay": 0.9}}).serves(experiment)
    assert not replace(record, recipe={**record.recipe, "ema": {"decay": 0.9}}, failure="NaN").serves(experiment)
    assert not replace(record, results={}).serves(experiment)
    assert not replace(record, results={"modes": result(1.0)}).serves(experiment)
    assert replace(record, results={}, failure="NaN").serves(experiment)


def test_keys_that_differ_are_named():
    one = {"loss": {"use": "vae", "beta_kl": 0.5}, "model": {"width": 16}}
    other = {"loss": {"use": "vae", "beta_kl": 0.3}, "model": {"width": 16}, "ema": {"decay": 0.9}}
    assert differences(one, other) == ["ema absent -> {'decay': 0.9}", "loss.beta_kl 0.5 -> 0.3"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a/narrow/1", ["a/narrow/1"]),
        ("a/narrow", ["a/narrow/0", "a/narrow/1"]),
        ("b", ["b/wide/0", "b/wide/1"]),
        ("*/wide/0", ["a/wide/0", "b/wide/0"]),
    ],
)
def test_a_pattern_names_runs(table_file, pattern, names):
    assert [str(each) for each in selected(experiments_in(table_file()), [pattern])] == names


def test_a_pattern_that_names_nothing_is_refused(table_file):
    with pytest.raises(UsageError, match=r"--only c/wide: names no run of this table. It has a/narrow/0"):
        selected(experiments_in(table_file()), ["c/wide"])


# How it is shown


def best_of(better, **values):
    numbers = with_best({name: Number(tuple(seeds)) for name, seeds in values.items()}, better)
    return [name for name, number in numbers.items() if number.best]


def test_best_is_what_luck_would_do_once_in_twenty_at_most():
    three, other = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
    assert best_of("lower", a=three, b=other) == ["a"]
    assert best_of("higher", a=three, b=other) == ["b"]
    assert best_of(None, a=three, b=other) == []
    assert best_of("lower", a=three[:2], b=other) == []  # 1 in 10
    assert best_of("lower", a=three[:2], b=(*other, 7.0, 8.0)) == ["a"]  # 1 in 21
    assert best_of("lower", a=three, b=(3.0, 5.0, 6.0)) == []  # a tie
    assert best_of("lower", a=three, b=other, c=(9.0,)) == []  # 1 in 4 against c
    assert best_of("lower", a=three) == []  # of nothing else


@pytest.mark.parametrize("read", ["train", "test"])
@pytest.mark.parametrize("unlike", ["train", "test", "none"])
def test_nothing_is_best_among_numbers_that_read_unlike_data(table_file, monkeypatch, read, unlike):
    path = table_file(("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    table, asked, records = read_table(path), experiments_in(path), {}
    modes = replace(asked[0].plan.protocols["modes"], split=read)
    monkeypatch.setattr(Plan, "protocols", {"modes": modes})
    for each in asked:
        wide = each.cell.column == "wide"
        looks = {split: "other" if wide and split == unlike else "same" for split in ("train", "test")}
        held_out = {"samples": 2, "pixel_digest": looks["test"]}
        made_with = {"data": {"samples": 4, "pixel_digest": looks["train"], "held_out": held_out}}
        found = Result("modes", 9.0 if wide else 1.0 + each.seed, "higher", modes)
        records[str(each)] = CellResult(each.run, each.fingerprint, each.recipe, {"modes": found}, made_with=made_with)
    assert lines_of(table, asked, records)[0].numbers["wide"].best is (read != unlike)
    told = f"narrow and wide were measured on different data, in the {read} split"
    assert (told in " ".join(remarks_of(table, asked, records))) is (read == unlike)


def test_a_number_is_not_best_while_a_seed_of_it_is_missing_or_a_rival_is_stale():
    mine, other = Number((1.0, 2.0, 3.0), wanted=3), Number((4.0, 5.0, 6.0), wanted=3)

    def first_is_best(mine, other):
        return with_best({"a": mine, "b": other}, "lower")["a"].best

    assert first_is_best(mine, other)
    assert not first_is_best(replace(mine, wanted=4), other)
    assert first_is_best(mine, replace(other, wanted=4))
    assert not first_is_best(mine, replace(other, stale=True)) and not first_is_best(replace(mine, stale=True), other)


def test_the_chance_of_the_rule_is_that_of_the_permutation_test():
    ranks = range(6)
    splits = list(itertools.combinations(ranks, 3))
    wins = sum(max(split) < min(set(ranks) - set(split)) for split in splits)
    assert wins / len(splits) == 1 / math.comb(6, 3) == 0.05


def test_a_number_is_mean_and_spread_over_seeds():
    values = (10.0, 12.0, 17.0)
    assert Number(values).text == f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
    assert Number((2.5,)).text == "2.50"
    assert Number((8.0, 8.0)).text == "8 ± 0"
    assert Number((0.0123,), stale=True).text == "0.0123†"
    assert Number((), lacks="refused").text == "refused"
    assert Number((2.0, 3.0), wanted=3).text == "2.50 ± 0.71 (2 of 3)"


def test_a_spread_that_is_not_zero_does_not_look_like_it():
    assert Number((15.738, 15.744)).text == "15.741 ± 0.004"
    assert Number((0.006721, 0.006724)).text == "0.006723 ± 0.000002"
    assert Number((2.5, 2.5)).text == "2.50 ± 0.00"


def test_a_small_or_large_number_keeps_its_digits():
    assert (
        Number((0.00041,)).text == "4.10e-04"
        and Number((0.0123,)).text == "0.0123"
        and Number((0.0041,)).text == "0.0041"
    )
    assert Number((2.5e7 + 0.5,)).text == "2.50e+07"


def test_a_metric_that_is_added_later_makes_no_other_number_stale(table_file):
    before, now = table_file(), ('metrics = ["modes"]', 'metrics = ["modes", "high-quality"]')
    records = {
        str(each): CellResult(
            each.run,
            each.fingerprint,
            each.recipe,
            {"modes": Result("modes", 3.0, "higher", each.plan.protocols["modes"])},
        )
        for each in experiments_in(before)
    }
    path = table_file(
        now, ('recipe = "tiny.toml"\nignore', 'recipe = "tiny.toml"\nset.metrics.high-quality = {}\nignore')
    )
    table, experiments = read_table(path), experiments_in(path)
    made = ResultsTable.of(table, experiments, records)
    cells = {(line.row, line.metric): line.numbers["narrow"] for line in made.lines}
    assert cells["a", "modes"].text == "3 ± 0" and cells["a", "high-quality"].text == "not measured"
    assert not any("†" in remark for remark in made.remarks)
    assert [str(each) for each in missing(experiments, records)] == ["a/narrow/0", "a/narrow/1"]


def test_a_published_number_without_a_cell_is_shown(table_file):
    path = table_file(("cells.a.wide = { modes = 8.0 }", "cells.b.narrow = { modes = 7 }"))
    rows = ResultsTable.of(read_table(path), experiments_in(path), {}).rows(plain)
    assert ["B_2", "modes ↑", "– [7.0]", "not run"] in rows


def test_a_row_that_needs_what_not_everybody_has_waits_to_be_named(table_file):
    path = table_file(('title = "B_2"', 'title = "B_2"\nneeds = "a GPU"'))
    table, experiments = read_table(path), experiments_in(path)
    assert {each.cell.row for each in without_needs(experiments, table)} == {"a"}
    assert {each.cell.row for each in selected(experiments, ["b"])} == {"b"}

    remark = "B_2: not run by itself, since it needs a GPU; --only b runs it."
    assert remark in ResultsTable.of(table, experiments, {}).remarks
    run = {f"b/wide/{seed}": CellResult("run_1", "other", {}, {"modes": result(8.0)}) for seed in (0, 1)}
    assert remark not in ResultsTable.of(table, experiments, run).remarks


def test_a_recipe_may_be_called_after_its_row(table_file, tmp_path):
    for row, steps in (("a", 3), ("b", 4)):
        text = TINY.replace("steps = 5", f"steps = {steps}")
        assert text != TINY
        (tmp_path / f"tiny_{row}.toml").write_text(text, encoding="utf-8")
    path = table_file(
        ('recipe = "tiny.toml"\nignore', 'recipe = "tiny_{row}.toml"\nignore'), ('columns = ["wide"]', "")
    )
    steps = {str(each.cell): each.plan.steps for each in experiments_in(path)}
    assert steps["a/narrow"] == 3
    assert steps["b/narrow"] == 9  # what the row sets prevails


def filled(table_file):
    path = table_file()
    table, experiments = read_table(path), experiments_in(path)
    values = {"a/narrow": (1.0, 2.0), "a/wide": (7.0, 8.0)}
    records = {
        f"{cell}/{seed}": CellResult("run_1", "other", {}, {"modes": result(value)})
        for cell, pair in values.items()
        for seed, value in enumerate(pair)
    }
    return ResultsTable.of(table, experiments, records)


def test_markdown_has_a_cell_for_each_title(table_file):
    text = FORMATS["markdown"](filled(table_file))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and {row.replace("\\|", "").count("|") for row in rows} == {5}
    assert "| a | modes ↑ | 1.50 ± 0.71† | 7.50 ± 0.71† [8.0] |" in rows
    assert "| B_2 | modes ↑ |  | not run |" in rows
    assert "- a/wide/1: `run_1`" in text and "`modes`: 100 samples" in text


def test_latex_escapes_what_is_special_to_it(table_file):
    text = FORMATS["latex"](filled(table_file))
    assert r"A \& B $|$ C\_1" in text and r"wide 100\%" in text and r"B\_2" in text
    assert r"7.50 $\pm$ 0.71$\dagger$ [8.0] \\" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.count("&") for line in body] == [3, 3]


def test_csv_holds_every_seed_in_full(table_file):
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](filled(table_file)))))
    cells = {(row["row"], row["column"]): row for row in rows}
    assert set(cells) == {("a", "narrow"), ("a", "wide"), ("b", "wide")}
    assert cells["a", "wide"]["values"] == "7.0 8.0" and cells["a", "wide"]["published"] == "8.0"
    assert cells["a", "wide"]["runs"] == "run_1 run_1" and cells["a", "wide"]["seeds"] == "0 1"
    assert cells["a", "wide"]["stale"] == "True"
    assert cells["b", "wide"]["values"] == "not run"


def test_titles_that_would_break_a_line_are_written_on_one(table_file):
    path = table_file(('title = "B_2"', 'title = "[B]\\n2 < β|γ"'), ('title = "wide 100%"', 'title = "* wide"'))
    empty = ResultsTable.of(read_table(path), experiments_in(path), {})
    assert r"{[}B] 2 $<$ $\beta$$|$$\gamma$ &" in FORMATS["latex"](empty) and "{*} wide" in FORMATS["latex"](empty)
    assert r"| [B] 2 < β\|γ |" in FORMATS["markdown"](empty)


def test_the_figure_has_a_panel_for_each_place_of_the_table(table_file, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    path = table_file()
    table, experiments = read_table(path), experiments_in(path)
    panels = []
    monkeypatch.setattr("genkit.tables.figure._draw", lambda axes, experiment, runs: panels.append((axes, experiment)))
    save_figure(tmp_path / "f.png", table, experiments, tmp_path / "runs")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    grid = [(axes.get_subplotspec().rowspan.start, axes.get_subplotspec().colspan.start) for axes, _ in panels]
    assert grid == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [str(experiment) for _, experiment in panels] == ["a/narrow/0", "a/wide/0", "None", "b/wide/0"]
    assert [axes.get_title() for axes, _ in panels] == ["narrow", "wide 100%", "", ""]
    assert [axes.get_ylabel() for axes, _ in panels] == ["a", "", "B_2", ""]


def test_a_figure_of_images_or_of_another_kind_of_file_is_refused(table_file, tmp_path):
    experiments = experiments_in(table_file())
    check_figure(tmp_path / "f.png", experiments)
    for wrong in (tmp_path, tmp_path / "f.txt"):
        with pytest.raises(UsageError, match="expected the name of a PNG file"):
            check_figure(wrong, experiments)
    with pytest.raises(UsageError, match=r"--figure .*cannot be written"):
        save_figure(tmp_path / "tiny.toml" / "f.png", read_table(tmp_path / "table.toml"), experiments, tmp_path)
    digits = [replace(each, plan=replace(each.plan, data=Digits())) for each in experiments[:1]]
    with pytest.raises(UsageError, match="a/narrow models no density in the plane"):
        check_figure(tmp_path / "f.png", digits)


# How runs are made


def test_a_run_folder_that_holds_another_recipe_than_its_name_says_is_refused(table_file, tmp_path):
    experiment = experiments_in(table_file())[0]
    resolved = experiment.folder(tmp_path / "runs").resolved
    assert experiment.folder(tmp_path / "runs").resolved == resolved
    resolved.write_text(resolved.read_text().replace("width = 16", "width = 17"))
    with pytest.raises(UsageError, match=r"is not the recipe .*: model\.width 16 -> 17\. Delete"):
        experiment.folder(tmp_path / "runs")
    resolved.write_text("x = [")
    with pytest.raises(UsageError, match=r"is damaged"):
        experiment.folder(tmp_path / "runs")


FAKE = """#!/bin/sh
echo "$OMP_NUM_THREADS $MKL_NUM_THREADS $OPENBLAS_NUM_THREADS" > "$4/threads"
sleep 0.2
echo "error: it is $4" >&2
echo afterwards
exit 1
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_so_many_processes_are_at_work_with_so_many_threads_and_what_they_say_is_kept(tmp_path, monkeypatch, jobs):
    (tmp_path / "python").write_text(FAKE)
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("genkit.tables.jobs.sys", SimpleNamespace(executable=str(tmp_path / "python")))
    monkeypatch.setattr("genkit.tables.jobs.POLL", 0.02)
    folders = [RunFolder(tmp_path / f"run{number}") for number in range(5)]
    for folder in folders:
        folder.path.mkdir()
    (folders[0].path / "output.log").write_text("error: an earlier process\n")

    at_work = []
    ended = list(bring_to_end(folders, jobs, 3, lambda working: at_work.append(len(working))))
    assert max(at_work) == jobs
    assert {job.folder for job in ended} == set(folders)
    assert {job.words for job in ended} == {f"error: it is {folder.path}" for folder in folders}
    assert {(folder.path / "threads").read_text() for folder in folders} == {"3 3 3\n"}
    assert (folders[0].path / "output.log").read_text().startswith("error: an earlier process")
