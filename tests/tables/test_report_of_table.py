"""The page of a table of results: verdicts, heat maps of comparable numbers, seeds, and hostile texts."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.commands import genkit, refused
from support.messages import assert_names
from support.tables import current_run, experiments_in

from genkit.core.metric import INTERVAL
from genkit.parts.metrics.modes import Modes
from genkit.tables.cell_number import CellNumber
from genkit.tables.open_table import OpenTable
from genkit.tables.report_of_table import report_of_table, table_page
from genkit.tables.table_lines import TableLine
from genkit.tables.verdict import verdict

SEEDS = ("seeds = [0, 1]", "seeds = [0, 1, 2]")
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>'{{ 7 * 7 }}"
PLAIN = " ".join(["plain"] * len(HOSTILE.split()))  # as many words, which a heading keeps whole


def opened(path, values):
    """Return the table with a current result of each cell, by ``row/column``: a list with the value of each seed."""
    table = OpenTable(path)
    runs = {}
    for each in table.experiments:
        of_cell = values.get(str(each.cell), [])
        if each.seed < len(of_cell):
            runs[str(each)] = current_run(each, of_cell[each.seed])
    table.kept = runs
    return table


@pytest.fixture
def no_scale(monkeypatch):
    """Let the metric of the table have no scale of its own."""
    monkeypatch.delattr(Modes, "out_of")


def heat(table):
    (found,) = report_of_table(table).heat
    return {row.name: [cell.level for cell in row.cells] for row in found.rows}, found


@pytest.mark.parametrize(
    ("narrow", "wide", "verdict"),
    [
        ([1, 2, 3], [4, 5, 6], "wide 100%"),
        ([5, 6, 7], [2, 3, 4], "narrow"),
        ([1, 2, 5], [4, 5, 6], "all tied"),
        ([3, 3, 3], [3, 3, 3], "all tied"),
        ([1, 2, 3], [4, 5], ""),
        ([1, 2, 3], [], ""),
    ],
    ids=["higher", "lower", "overlap", "equal", "seed-missing", "alone"],
)
def test_a_line_names_its_best_column_or_says_that_it_is_tied(table_file, narrow, wide, verdict):
    report = report_of_table(opened(table_file(SEEDS), {"a/narrow": narrow, "a/wide": wide}))
    line = report.lines[0]
    assert (line.row, line.metric, str(line.verdict)) == ("a", "modes", verdict)
    assert [number.best for number in line.numbers] == [name == verdict for name in ("narrow", "wide 100%")]
    assert [number.missing for number in line.numbers] == [False, not wide]


def test_a_tie_names_the_leading_columns_only():
    numbers = {
        name: CellNumber(values, seeds=(0, 1, 2), seeds_in_table=3)
        for name, values in {"a": (4, 5, 9), "b": (6, 7, 8), "c": (1, 2, 3)}.items()
    }
    line = TableLine("row", "metric", "higher", numbers)
    assert str(verdict(line, {name: name.upper() for name in numbers}, comparable=True)) == "A, B tied"


@pytest.mark.usefixtures("no_scale")
def test_means_that_are_closer_than_their_seeds_share_the_middle_of_the_scale(table_file):
    levels, found = heat(opened(table_file(), {"a/narrow": [2, 4], "a/wide": [3, 5], "b/wide": [3.5, 3.5]}))
    low, high = levels["a"]
    assert 0 < low < levels["B_2"][1] < high < 1 and low + high == pytest.approx(1)
    assert high - low == pytest.approx(1 / (4 * (4 / 3) ** 0.5))  # the variances are 2, 2 and 0
    assert "deviations" in found.about


def test_the_note_of_the_table_precedes_its_numbers(table_file):
    page = table_page(opened(table_file(("seeds = [0, 1]", 'seeds = [0, 1]\nnote = "What it is."')), {})).decode()
    assert page.count("What it is.") == 1 and page.index("What it is.") < page.index("<table")


def test_a_long_note_is_folded_after_its_first_sentences(table_file):
    note = f"What it is. Where it is from. {'And this. ' * 40}".strip()
    report = report_of_table(opened(table_file(("seeds = [0, 1]", f'seeds = [0, 1]\nnote = "{note}"')), {}))
    assert report.note == "What it is. Where it is from." and f"{report.note} {report.more}" == note
    assert not any("And this." in remark for remark in report.remarks)


def signs(table):
    return {sign for sign, _ in report_of_table(table).signs}


def test_the_signs_before_a_table_are_those_that_occur_in_it(table_file):
    plain = table_file(SEEDS, ("wide = { modes = 8.0 }", "wide = {}"))
    assert signs(opened(plain, {})) == set()
    assert signs(opened(plain, {"a/narrow": [1, 2, 3], "a/wide": [2, 3, 4]})) == {"a ± b"}
    assert signs(opened(plain, {"a/narrow": [1, 2, 3], "a/wide": [4, 5, 6]})) == {"a ± b", "*"}
    assert signs(opened(plain, {"a/narrow": [1, 2], "a/wide": [2, 3, 4]})) == {"a ± b", "(2 of 3)"}
    assert signs(opened(plain, {"a/narrow": [1, 2]})) == {"a ± b"}  # the title of the row says it
    one = opened(plain, {"a/narrow": [1]})
    assert signs(one) == set()
    for name, run in one.kept.items():
        results = {label: replace(each, interval=(0.0, 9.0)) for label, each in run.results.items()}
        one.kept[name] = replace(run, results=results)
    assert signs(one) == {"a [b, c]"}
    stale = opened(plain, {"a/narrow": [1, 2, 3]})
    stale.kept = {name: replace(run, recipe={**run.recipe, "train": {"steps": 1}}) for name, run in stale.kept.items()}
    assert signs(stale) == {"a ± b", "†"}
    assert signs(opened(table_file(SEEDS), {})) == {"[p]"}
    ignore = 'ignore = ["loss.beta_kl"]'
    another = ('metrics = ["modes"]', 'metrics = ["modes", "high-quality"]')
    lacking = table_file(another, (ignore, f"{ignore}\nset.metrics.high-quality = {{}}"))
    assert signs(opened(lacking, {})) == {"[p]", "–"}


@pytest.mark.parametrize(
    ("narrow", "wide", "count", "texts"),
    [
        ([1, 2], [4, 6], "2 of 3", ["1.50 ± 0.71", "5.00 ± 1.41"]),
        ([1, 2], [], "2 of 3", ["1.50 ± 0.71", "not run"]),
        ([1, 2], [5], "", ["1.50 ± 0.71 (2 of 3)", "5 (1 of 3)"]),
        ([1, 2], [4, 5, 6], "", ["1.50 ± 0.71 (2 of 3)", "5.00 ± 1.00"]),
        ([1, 2, 3], [4, 5, 6], "", ["2.00 ± 1.00", "5.00 ± 1.00"]),
        ([], [], "", ["not run", "not run"]),
    ],
    ids=["same", "with-a-cell-not-run", "different", "one-complete", "complete", "empty"],
)
def test_a_row_says_once_how_many_seeds_its_numbers_have(table_file, narrow, wide, count, texts):
    report = report_of_table(opened(table_file(SEEDS), {"a/narrow": narrow, "a/wide": wide}))
    assert (report.lines[0].count, [number.text for number in report.lines[0].numbers]) == (count, texts)


def test_the_notes_of_verdicts_and_of_heat_maps_say_what_occurs(table_file):
    def said(values, *changes):
        report = report_of_table(opened(table_file(SEEDS, *changes), values))
        (found,) = report.heat
        return [text.split()[0] for text in report.about_verdicts], [each in found.about for each in ("hatched", "†")]

    alike, apart = {"a/narrow": [1, 2, 3], "a/wide": [2, 3, 4]}, {"a/narrow": [1, 2, 3], "a/wide": [4, 5, 6]}
    whole = ('columns = ["wide"]', "")
    b = {"b/narrow": [1, 2, 3], "b/wide": [4, 5, 6]}
    assert said({**apart, **b}, whole) == ([], [False, False])
    assert said({**alike, **b}, whole) == (["Tied:"], [False, False])
    assert said({**alike, "b/wide": [4, 5]}) == (["Tied:", "Lines"], [True, False])


@pytest.mark.usefixtures("no_scale")
def test_the_heat_map_has_the_best_number_of_the_metric_strongest_and_hatches_what_is_missing(table_file):
    levels, found = heat(opened(table_file(), {"a/narrow": [2, 2], "a/wide": [4, 4], "b/wide": [8, 8]}))
    assert levels == {"a": [0, pytest.approx(1 / 3)], "B_2": [None, 1]}
    assert found.rows[1].cells[0].missing and found.rows[1].cells[0].text == "not in the table"
    assert "one scale" in found.about and found.columns == ["narrow", "wide 100%"]
    assert (found.title, found.ends) == ("modes", ("2", "8"))


@pytest.mark.usefixtures("no_scale")
def test_rows_of_another_protocol_have_a_scale_of_their_own(table_file):
    path = table_file(('title = "B_2"', 'title = "B_2"\nset.metrics.modes.samples = 200'), ('columns = ["wide"]', ""))
    values = {"a/narrow": [1, 1], "a/wide": [2, 2], "b/narrow": [9, 9], "b/wide": [5, 5]}
    levels, found = heat(opened(path, values))
    assert levels == {"a": [0, 1], "B_2": [1, 0]} and "scale of its own" in found.about
    assert found.ends == ("worst of its row", "best of its row")
    assert heat(opened(table_file(('columns = ["wide"]', "")), values))[0]["a"] == [0, pytest.approx(1 / 8)]


@pytest.mark.parametrize("samples", [100, 200], ids=["one-protocol", "another-protocol"])
def test_counts_have_the_scale_of_their_total_in_all_rows_and_it_is_named_once(table_file, samples):
    path = table_file(
        ('title = "B_2"', f'title = "B_2"\nset.metrics.modes.samples = {samples}'), ('columns = ["wide"]', "")
    )
    table = opened(path, {"a/narrow": [1, 1], "a/wide": [2, 2], "b/narrow": [8, 8], "b/wide": [0, 0]})
    levels, found = heat(table)
    assert levels == {"a": [1 / 8, 2 / 8], "B_2": [1, 0]} and "one scale" in found.about
    assert (found.title, found.ends) == ("modes of 8", ("0", "8"))
    assert ("within a row" in found.about) == (samples == 200)
    assert [line.total for line in report_of_table(table).lines] == ["of 8", "of 8"]


@pytest.mark.parametrize(
    ("better", "worst", "best", "levels"),
    [("higher", 0.5, 1.0, [[0, 0.5], [None, 0]]), ("lower", 1.0, 0.0, [[0.8, 0.25], [None, 0.5]])],
    ids=["chance-half", "lower"],
)
def test_a_metric_with_a_scale_colours_from_a_number_without_merit(
    table_file, monkeypatch, better, worst, best, levels
):
    path = table_file(('title = "B_2"', 'title = "B_2"\nset.metrics.modes.samples = 200'))
    table = opened(path, {"a/narrow": [0.1, 0.3], "a/wide": [0.75, 0.75], "b/wide": [0.5, 0.5]})
    monkeypatch.delattr(Modes, "out_of")
    monkeypatch.setattr(Modes, "value_scale", (worst, best), raising=False)
    monkeypatch.setattr(Modes, "better", better)
    found, heat_map = heat(table)
    assert [found["a"], found["B_2"]] == [pytest.approx(each) for each in levels]
    assert heat_map.ends == (f"{worst:g}", f"{best:g}")
    assert ("chance" in heat_map.about) == (worst == 0.5) and "deviations" not in heat_map.about


def test_metrics_of_shares_have_three_decimals_in_a_table(table_file):
    changes = [('metrics = ["modes"]', 'metrics = ["high-quality"]'), ("{ modes = 8.0 }", "{}")]
    recipe = ('recipe = "tiny.toml"\nignore', 'recipe = "tiny.toml"\nset.metrics.high-quality = {}\nignore')
    table = opened(table_file(*changes, recipe), {})
    assert [line.scale.best for line in table.results().lines] == [1.0]


@pytest.mark.usefixtures("no_scale")
def test_rows_on_other_data_have_a_scale_of_their_own_and_mixed_rows_no_colours(table_file):
    values = {"a/narrow": [1, 1], "a/wide": [2, 2], "b/narrow": [9, 9], "b/wide": [5, 5]}
    table = opened(table_file(('columns = ["wide"]', "")), values)

    def with_data(of_cell):
        for name, run in table.kept.items():
            part = {"samples": 2, "pixel_digest": of_cell(name)}
            table.kept[name] = replace(run, made_with={"data": {**part, "held_out": part}})
        return table

    assert heat(with_data(lambda name: name[0]))[0] == {"a": [0, 1], "B_2": [1, 0]}
    levels, found = heat(with_data(lambda name: "other" if name.startswith("b/wide") else "same"))
    assert levels["a"] == [0, 1] and levels["B_2"] == [None, None] and "different data" in found.about
    assert [cell.missing for cell in found.rows[1].cells] == [False, False]


@pytest.mark.usefixtures("no_scale")
def test_a_stale_number_has_no_colour_and_no_verdict(table_file):
    table = opened(table_file(), {"a/narrow": [1, 1], "b/wide": [3, 3]})
    for each in experiments_in(table.path):
        if str(each.cell) == "a/wide":
            run = current_run(each, 5.0)
            table.kept[str(each)] = replace(run, recipe={**run.recipe, "train": {"steps": 1}})
    levels, found = heat(table)
    assert levels == {"a": [0, None], "B_2": [None, 1]} and "†" in found.rows[0].cells[1].text
    assert str(report_of_table(table).lines[0].verdict) == ""


def test_every_seed_has_its_value_and_its_run(table_file):
    table = opened(table_file(SEEDS), {"a/narrow": [1, 2.25], "a/wide": [4, 5, 6], "b/wide": []})
    report = report_of_table(table)
    (row,) = report.values
    assert [(line.column, line.values) for line in row.rows] == [
        ("narrow", ["1.00000", "2.25000", "–"]),
        ("wide 100%", ["4.00000", "5.00000", "6.00000"]),
    ]
    assert {run for _, run in row.runs} == {run.run for run in table.kept.values()} and len(row.runs) == 5
    assert report.facts["kept results"] == "5 of 9"


@pytest.mark.parametrize(
    ("narrow", "wide", "texts"),
    [
        ([0.79412, 0.0], [0.808747, 0.5], [["0.794120", "0"], ["0.808747", "0.500000"]]),
        ([220.121, 1.18234], [38, 4e-5], [["220.121", "1.182"], ["38.000", "4.00e-05"]]),
        ([8, 0], [7, 1], [["8", "0"], ["7", "1"]]),
    ],
    ids=["zero", "sizes", "counts"],
)
def test_values_of_seeds_in_a_line_have_one_number_of_decimals(table_file, narrow, wide, texts):
    report = report_of_table(opened(table_file(), {"a/narrow": narrow, "a/wide": wide}))
    assert [line.values for line in report.values[0].rows] == texts and not report.intervals


def test_intervals_of_single_seeds_are_explained_where_one_is_shown(table_file):
    def remarks(values):
        table = opened(table_file(), {"a/narrow": values, "a/wide": [1, 2]})
        for name, run in table.kept.items():
            results = {label: replace(each, interval=(0.0, 9.0)) for label, each in run.results.items()}
            table.kept[name] = replace(run, results=results)
        return [each for each in report_of_table(table).remarks if "[low, high]" in each]

    assert len(remarks([1])) == 1 and remarks([1, 2]) == []


def test_how_intervals_are_made_is_said_with_the_seeds_where_numbers_are_means(table_file):
    def said(values):
        table = opened(table_file(), {"a/narrow": values, "a/wide": [1, 2]})
        for name, run in table.kept.items():
            results = {label: replace(each, interval=(0.25, 9.125)) for label, each in run.results.items()}
            table.kept[name] = replace(run, results=results)
        results = table.results()
        protocol = replace(next(iter(results.protocols.values())), details={INTERVAL: "95 %"})
        results = replace(results, protocols=dict.fromkeys(results.protocols, protocol))
        assert report_of_table(table).intervals
        return [line.settings.split(", ")[3:] for line in results.protocol_rows()], results.interval_rows()

    assert said([1, 2]) == ([[]], [("modes", "interval 95 %")])
    assert said([1]) == ([["interval 95 %"]], [])


def test_a_cell_that_is_not_in_the_table_stands_once_for_all_lines_of_its_row(table_file):
    metrics = ('metrics = ["modes"]', 'metrics = ["modes", "high-quality"]')
    recipe = ("[columns.wide]", "[columns.wide]\nset.metrics.high-quality = {}")
    table = opened(table_file(metrics, recipe), {"a/narrow": [1, 2], "a/wide": [3, 4], "b/wide": [5, 6]})
    report = report_of_table(table)
    first, second = report.lines[-2:]
    assert [(line.metric, line.numbers[0].lines, line.numbers[1].lines) for line in (first, second)] == [
        ("modes", 2, 1),
        ("high-quality", 0, 1),
    ]
    assert first.numbers[0].absent and first.numbers[0].missing and not first.numbers[1].absent
    page = table_page(table).decode()
    assert page.count('<td rowspan="2"') == 1
    published = table_file(metrics, recipe, ("cells.a.wide = { modes = 8.0 }", "cells.b.narrow = { modes = 8.0 }"))
    lines = report_of_table(opened(published, {"b/wide": [5, 6]})).lines[-2:]
    assert [(line.numbers[0].text, line.numbers[0].lines) for line in lines] == [("–", 1), ("not in the table", 1)]


def test_a_table_without_results_has_a_page(table_file):
    table = OpenTable(table_file())
    report = report_of_table(table)
    assert not report.heat and not report.values
    assert "not run" in {number.text for line in report.lines for number in line.numbers}
    assert b"No metric has two numbers" in table_page(table)


class Tags(HTMLParser):
    """Counts the tags of a page, and keeps the names of its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = {}, set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}


def test_hostile_titles_columns_and_notes_are_text(table_file):
    def page(text):
        changes = [(before, text) for before in ("A & B | C_1", "wide 100%", "B_2", "nobody")]
        path = table_file(*changes, ("seeds = [0, 1]", f'seeds = [0, 1]\nnote = "{text}"'))
        return table_page(opened(path, {"a/narrow": [1, 1], "a/wide": [2, 2], "b/wide": [3, 3]})).decode()

    hostile = page(HOSTILE)
    assert Tags(hostile).tags == Tags(page(PLAIN)).tags
    assert not [name for name in Tags(hostile).attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in hostile and hostile.count("<script>") == 1
    assert all(re.fullmatch(r"--level: [\d.]+%", style) for style in re.findall(r'style="([^"]*)"', hostile))


@pytest.mark.usefixtures("isolated")
def test_the_command_writes_what_python_makes_and_refuses_two_forms(table_file):
    path = table_file()
    table = opened(path, {"a/narrow": [1, 1], "a/wide": [2, 2], "b/wide": [3, 3]})
    for name, run in table.kept.items():
        table.results_file.add(name, run)
    shown = genkit("table", "show", path, "--html")
    assert shown.code == 0 and shown.out.splitlines()[-1].split() == ["page", "table.html"]
    assert Path("table.html").read_bytes() == table_page(OpenTable(path))
    assert genkit("table", "show", "--html", "own.html", path).code == 0
    assert Path("own.html").read_bytes() == Path("table.html").read_bytes()
    assert_names(refused("table", "show", path, "--html", "--format", "csv"), "--html", "--format")
    assert_names(refused("table", "show", path, "--html=own.txt"), "--html", ".html")
    assert {found.name for found in Path().glob("*.html")} == {"table.html", "own.html"}
