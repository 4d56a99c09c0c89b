"""Tables with their numbers: lines, protocols, remarks, and the text of each format."""

import csv
import io
from dataclasses import replace

import pytest
from support.commands import IMAGES
from support.messages import assert_names
from support.tables import current_run, experiments_in, made_up_result, results_table

from genkit.recipe.plan import Plan
from genkit.tables.cell_result import CellResult
from genkit.tables.formats import FORMATS, terminal_number
from genkit.tables.read_table import read_table
from genkit.tables.selection import select_experiments, selected_by_default
from genkit.tables.train_missing import missing


def test_rows_may_have_different_protocols_and_each_is_printed(table_file):
    path = table_file(('title = "B_2"', 'title = "B_2"\nset.metrics.modes.samples = 200'))
    table = results_table(path)
    lines = [(of, settings.partition(",")[0]) for of, settings in table.protocol_rows()]
    assert lines == [("modes", "100 samples"), ("modes in B_2", "200 samples")]
    protocols = {line["row"]: line["protocol"] for line in csv.DictReader(io.StringIO(FORMATS["csv"](table)))}
    assert protocols["a"].startswith("100 samples") and protocols["b"].startswith("200 samples")


def test_a_protocol_that_applies_to_some_columns_names_them(tmp_path):
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
    table = results_table(tmp_path / "table.toml")
    assert [(of, "batch norm" in settings) for of, settings in table.protocol_rows()] == [
        ("reconstruction-error", False),
        ("reconstruction-error in batch", True),
    ]


@pytest.mark.parametrize("read", ["train", "test"])
@pytest.mark.parametrize("different", ["train", "test", "none"])
def test_no_number_is_best_if_the_split_that_the_metric_reads_differs(table_file, monkeypatch, read, different):
    path = table_file(("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    experiments, kept = experiments_in(path), {}
    modes = replace(experiments[0].plan.protocols["modes"], split=read)
    monkeypatch.setattr(Plan, "protocols", {"modes": modes})
    for each in experiments:
        wide = each.cell.column == "wide"
        pixels = {split: "other" if wide and split == different else "same" for split in ("train", "test")}
        held_out = {"samples": 2, "pixel_digest": pixels["test"]}
        made_with = {"data": {"samples": 4, "pixel_digest": pixels["train"], "held_out": held_out}}
        kept[str(each)] = current_run(each, 9.0 if wide else 1.0 + each.seed, made_with=made_with)
    table = results_table(path, kept)
    assert table.lines[0].numbers["wide"].best is (read != different)
    remarks = [remark for remark in table.remarks if "narrow and wide were measured on different data" in remark]
    assert len(remarks) == (read == different)
    assert all(f"the {read} split" in remark for remark in remarks)


def test_a_metric_that_is_added_later_makes_no_other_number_stale(table_file):
    kept = {str(each): current_run(each, 3.0) for each in experiments_in(table_file())}
    path = table_file(
        ('metrics = ["modes"]', 'metrics = ["modes", "high-quality"]'),
        ('recipe = "tiny.toml"\nignore', 'recipe = "tiny.toml"\nset.metrics.high-quality = {}\nignore'),
    )
    table = results_table(path, kept)
    numbers = {(line.row, line.metric): line.numbers["narrow"] for line in table.lines}
    assert numbers["a", "modes"].text == "3 ± 0" and numbers["a", "high-quality"].text == "not measured"
    assert not any("†" in remark for remark in table.remarks)
    assert [str(each) for each in missing(experiments_in(path), kept)] == ["a/narrow/0", "a/narrow/1"]


def test_a_published_number_without_a_cell_is_printed(table_file):
    path = table_file(("cells.a.wide = { modes = 8.0 }", "cells.b.narrow = { modes = 7 }"))
    assert ["B_2", "modes ↑", "– [7.0]", "not run"] in results_table(path).rows(terminal_number)


def test_a_row_with_requirements_is_trained_only_if_it_is_named(table_file):
    path = table_file(('title = "B_2"', 'title = "B_2"\nneeds = "a GPU"'))
    table, experiments = read_table(path), experiments_in(path)
    assert {each.cell.row for each in selected_by_default(experiments, table)} == {"a"}
    assert {each.cell.row for each in select_experiments(experiments, ["b"])} == {"b"}

    (remark,) = (remark for remark in results_table(path).remarks if "a GPU" in remark)
    assert_names(remark, "B_2: ", "--only b")
    runs = {f"b/wide/{seed}": CellResult("run_1", "other", {}, {"modes": made_up_result(8.0)}) for seed in (0, 1)}
    assert remark not in results_table(path, runs).remarks


# The formats


@pytest.fixture
def filled(table_file):
    """The table with results of another recipe in the row a."""
    values = {"a/narrow": (1.0, 2.0), "a/wide": (7.0, 8.0)}
    kept = {
        f"{cell}/{seed}": CellResult("run_1", "other", {}, {"modes": made_up_result(value)})
        for cell, pair in values.items()
        for seed, value in enumerate(pair)
    }
    return results_table(table_file(), kept)


def test_markdown_has_a_cell_for_each_title(filled):
    text = FORMATS["markdown"](filled)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and {row.replace("\\|", "").count("|") for row in rows} == {5}
    assert "| a | modes ↑ | 1.50 ± 0.71† | 7.50 ± 0.71† [8.0] |" in rows
    assert "| B_2 | modes ↑ |  | not run |" in rows
    assert "- a/wide/1: `run_1`" in text and "- modes: 100 samples" in text


def test_latex_escapes_special_characters(filled):
    text = FORMATS["latex"](filled)
    assert r"A \& B $|$ C\_1" in text and r"wide 100\%" in text and r"B\_2" in text
    assert r"7.50 $\pm$ 0.71$\dagger$ [8.0] \\" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.count("&") for line in body] == [3, 3]


def test_csv_holds_every_seed_in_full(filled):
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](filled))))
    cells = {(row["row"], row["column"]): row for row in rows}
    assert set(cells) == {("a", "narrow"), ("a", "wide"), ("b", "wide")}
    assert cells["a", "wide"]["values"] == "7.0 8.0" and cells["a", "wide"]["published"] == "8.0"
    assert cells["a", "wide"]["runs"] == "run_1 run_1" and cells["a", "wide"]["seeds"] == "0 1"
    assert cells["a", "wide"]["stale"] == "True"
    assert (cells["b", "wide"]["values"], cells["b", "wide"]["missing"]) == ("", "not run")
    assert cells["a", "wide"]["missing"] == ""
    assert not any("[low, high]" in remark for remark in filled.remarks)
    assert {row["low"] for row in rows} == {row["high"] for row in rows} == {""}


def with_intervals(path, intervals):
    """Return the table with results of a metric that has these intervals, one for each seed of the cell a/narrow."""
    kept = {}
    for seed, interval in enumerate(intervals):
        result = replace(made_up_result(0.93), interval=interval)
        kept[f"a/narrow/{seed}"] = CellResult("run_1", "other", {}, {"modes": result})
    return results_table(path, kept)


def test_every_format_shows_the_interval_of_one_seed(table_file):
    filled = with_intervals(table_file(("seeds = [0, 1]", "seeds = [0]")), [(0.91, 0.95)])
    assert filled.rows(terminal_number)[0][2] == "0.930 [0.910, 0.950]†"
    assert len([remark for remark in filled.remarks if "[low, high]" in remark]) == 1
    assert "| 0.930 [0.910, 0.950]† |" in FORMATS["markdown"](filled)
    assert r" 0.930 {[}0.910, 0.950]$\dagger$ & " in FORMATS["latex"](filled)
    row = next(csv.DictReader(io.StringIO(FORMATS["csv"](filled))))
    assert (row["values"], row["low"], row["high"]) == ("0.93", "0.91", "0.95")


def test_csv_has_the_interval_of_each_seed(table_file):
    filled = with_intervals(table_file(), [(0.91, 0.95), None])
    assert filled.rows(terminal_number)[0][2] == "0.930 ± 0†"
    row = next(csv.DictReader(io.StringIO(FORMATS["csv"](filled))))
    assert (row["values"], row["low"], row["high"]) == ("0.93 0.93", "0.91 nan", "0.95 nan")


def test_titles_with_line_breaks_are_written_on_one_line(table_file):
    path = table_file(('title = "B_2"', 'title = "[B]\\n2 < β|γ"'), ('title = "wide 100%"', 'title = "* wide"'))
    table = results_table(path)
    assert r"{[}B] 2 $<$ $\beta$$|$$\gamma$ &" in FORMATS["latex"](table) and "{*} wide" in FORMATS["latex"](table)
    assert r"| [B] 2 < β\|γ |" in FORMATS["markdown"](table)
