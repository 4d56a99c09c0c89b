"""Table files: their cells, and the mistakes in them."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import TINY
from support.messages import assert_names
from support.tables import experiments_in

from genkit.errors import RecipeError, UsageError
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.text.shipped import recipes_folder
from genkit.tables.cells import cells_of
from genkit.tables.open_table import OpenTable
from genkit.tables.read_table import read_table
from genkit.tables.spec import ColumnSpec, PublishedNumbers, RowSpec, TableSpec


def overrides_in(path):
    return {str(cell): set(cell.overrides) for cell in cells_of(read_table(path), path)}


def test_a_row_overrides_a_column_and_a_column_ignores_keys(table_file):
    assert overrides_in(table_file()) == {
        "a/narrow": set(),
        "a/wide": {"model.width=32", "train.steps=7", "loss.beta_kl=0.5"},
        "b/wide": {"model.width=32", "train.steps=9", "loss.beta_kl=0.25", "loss.beta_rec=2.0"},
    }


def test_a_column_may_ignore_a_whole_table(table_file):
    path = table_file(
        ('ignore = ["loss.beta_kl"]', 'ignore = ["loss", "metrics.modes-too"]'),
        ("set.loss.beta_kl = 0.5", 'set.loss.beta_kl = 0.5\nset.metrics.modes-too = { use = "modes", samples = 100 }'),
    )
    resolved = {str(each.cell): each.plan.resolved for each in experiments_in(path)}
    assert "modes-too" in resolved["a/wide"]["metrics"] and "modes-too" not in resolved["a/narrow"]["metrics"]
    assert resolved["a/narrow"]["loss"]["beta_kl"] != 0.5


def test_a_row_may_name_keys_that_one_column_ignores(table_file):
    path = table_file(
        ('ignore = ["loss.beta_kl"]', ""),
        ("set.loss.beta_kl = 0.5", 'set.loss.beta_kl = 0.5\nignore.narrow = ["loss"]'),
    )
    overrides = overrides_in(path)
    assert overrides["a/narrow"] == set() and "loss.beta_kl=0.5" in overrides["a/wide"]


def test_an_empty_table_can_be_set(table_file):
    path = table_file(("set.model.width = 32", "set.metrics.high-quality = {}"))
    assert "high-quality" in experiments_in(path)[2].plan.metrics


def test_the_name_of_a_recipe_may_contain_the_name_of_the_row(table_file, tmp_path):
    for row, steps in (("a", 3), ("b", 4)):
        text = TINY.replace("steps = 5", f"steps = {steps}")
        assert text != TINY
        (tmp_path / f"tiny_{row}.toml").write_text(text, encoding="utf-8")
    path = table_file(
        ('recipe = "tiny.toml"\nignore', 'recipe = "tiny_{row}.toml"\nignore'), ('columns = ["wide"]', "")
    )
    steps = {str(each.cell): each.plan.steps for each in experiments_in(path)}
    assert steps["a/narrow"] == 3
    assert steps["b/narrow"] == 9  # the row sets it, too


@pytest.mark.parametrize("spec", [TableSpec, RowSpec, ColumnSpec, PublishedNumbers])
def test_every_key_has_a_sentence_that_explains_it(spec):
    for name, parameter in parameters_of(spec).items():
        assert parameter.doc[:1].isupper() and parameter.doc.endswith("."), name
    assert parameters_of(spec).keys() == {item.name for item in dataclasses.fields(spec)}


@pytest.mark.parametrize(
    ("change", "line", "key", "names"),
    [
        (('columns = ["wide"]', 'columns = ["wdie"]'), 22, "rows.b.columns", ['column "wdie"', "mean wide?"]),
        (("cells.a.wide", "cells.c.wide"), 26, "published.cells.c", ['row "c"']),
        (("cells.a.wide", "cells.a.other"), 26, "published.cells.a", ['column "other"']),
        (("{ modes = 8.0 }", "{ modes = nan }"), 26, "published.cells.a.wide.modes", ["nan"]),
        (("{ modes = 8.0 }", '{ modes = "8.0" }'), 26, "published.cells.a.wide.modes", ['"8.0"']),
        (("{ modes = 8.0 }", "{ moods = 8.0 }"), 26, "published.cells.a", ['metric "moods"', "mean modes?"]),
        (('ignore = ["loss.beta_kl"]', 'ignore = ["loss.beta_k"]'), 7, "columns.narrow.ignore", ["sets loss.beta_k."]),
        (
            ("[rows.a]", '[rows.a]\nignore.narrow = ["loss.beta_rec"]'),
            16,
            "rows.a.ignore.narrow",
            ["set loss.beta_rec."],
        ),
        (
            ("[rows.a]", '[rows.a]\nignore.narow = ["loss"]'),
            16,
            "rows.a.ignore",
            ['column "narow"', "mean narrow?"],
        ),
        (("seeds = [0, 1]", "seeds = []"), 3, "seeds", ["empty"]),
        (("seeds = [0, 1]", "seeds = [1, 1]"), 3, "seeds", ["1", "twice"]),
        (("seeds = [0, 1]", "seeds = [-1]"), 3, "seeds", ["[-1]"]),
        (('columns = ["wide"]', 'columns = ["wide", "wide"]'), 22, "rows.b.columns", ["wide", "twice"]),
        (('metrics = ["modes"]', 'metrics = ["modes", "modes"]'), 2, "metrics", ["modes", "twice"]),
        (("set.model.width = 32", "set.seed = 3"), 12, "columns.wide.set.seed", ["seeds"]),
        (("[rows.a]", "[rows.a]\nset.seed = 3"), 16, "rows.a.set.seed", ["seeds"]),
        *[
            (("[rows.a]", f'[rows."{name}"]'), 15, f"rows.{name}", ["--only ROW/COLUMN"])
            for name in ("a/b", "a b", "a*", "", "[a]")
        ],
        (('recipe = "tiny.toml"\nignore', "ignore"), 5, "columns.narrow.recipe", ["missing"]),
        (("[rows.a]", "[rows.a]\ncolour = 1"), 16, "rows.a.colour", ["unknown key"]),
    ],
)
def test_a_mistake_in_a_table_is_reported_with_its_line(table_file, change, line, key, names):
    path = table_file(change)
    with pytest.raises(RecipeError) as refused:
        read_table(path)
    texts = {(problem.place.line, ".".join(problem.place.path)): problem.text for problem in refused.value.problems}
    assert (line, key) in texts, texts
    assert_names(texts[line, key], *names)


def test_a_shipped_table_is_opened_by_its_name_and_its_results_are_never_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = recipes_folder() / "tables" / "networks_digits.toml"
    before = shipped.with_suffix(".json").read_bytes()
    for name in ("networks_digits", "tables/networks_digits"):
        table = OpenTable(Path(name))
        assert (table.path, table.results_file.path) == (shipped, Path("networks_digits.json"))
        assert set(table.kept) == {str(each) for each in table.experiments}
    name, result = next(iter(table.kept.items()))
    table.results_file.add(name, replace(result, failure="no reason"))
    assert shipped.with_suffix(".json").read_bytes() == before
    again = OpenTable(Path("networks_digits")).kept
    assert again[name].failure == "no reason" and again.keys() == table.kept.keys()
    assert not OpenTable(Path("networks_digits"), Path("own.json")).kept


def test_a_file_in_the_working_folder_goes_before_a_shipped_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table1").write_text("title = 3")
    with pytest.raises(UsageError) as refused:
        OpenTable(Path("table1"))
    assert_names(refused.value, "table1:1 title: ")


@pytest.mark.parametrize(
    ("name", "expected"), [("table1.toml", "genkit table show table1"), ("x/table1", "x/table1: ")]
)
def test_the_file_of_a_shipped_table_is_answered_with_its_name(name, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        OpenTable(Path(name))
    assert_names(refused.value, "not found", expected)


def test_a_recipe_is_not_read_as_a_table(tmp_path):
    (tmp_path / "r.toml").write_text(TINY)
    with pytest.raises(UsageError) as refused:
        read_table(tmp_path / "r.toml")
    assert_names(refused.value, f"{tmp_path}/r.toml: ", f"`genkit run {tmp_path}/r.toml`")
    assert "\n" not in str(refused.value)
