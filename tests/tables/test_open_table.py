"""A table that was opened: what it says before it trains, and when its legend explains a best number."""

import re

import pytest
from support.tables import current_run, experiments_in, results_table

from genkit.console.output import Console
from genkit.tables import open_table
from genkit.tables.open_table import OpenTable
from genkit.tables.train_missing import RunSettings

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("only", "kept", "numbers", "others"),
    [
        (["a/narrow/0"], [], "1 of 1 selected run has ", False),
        (["a/narrow"], ["a/narrow/0"], "1 of 2 selected runs has ", True),
        (["a/narrow"], ["a/wide/0"], "2 of 2 selected runs have ", True),
        (["*"], [], "6 of 6 runs have ", False),
    ],
)
def test_runs_without_a_result_are_counted_among_the_selected(
    table_file, monkeypatch, capsys, only, kept, numbers, others
):
    table = OpenTable(table_file())
    table.kept = {str(each): current_run(each, 1.0) for each in experiments_in(table.path) if str(each) in kept}
    monkeypatch.setattr(open_table, "dry_run_cells", lambda *given: None)
    monkeypatch.setattr(open_table, "train_missing", lambda *given: [])
    table.train(table.select(only), RunSettings(table.path.parent, 1, 1, Console()))
    text = re.sub(r"\s+", " ", "".join(capsys.readouterr()))
    assert numbers in text and ("genkit table show" in text) == others


@pytest.mark.parametrize(("seeds", "explained"), [("[0]", False), ("[0, 1]", False), ("[0, 1, 2]", True)])
def test_the_legend_explains_best_only_where_a_number_can_be_best(table_file, seeds, explained):
    path = table_file(("seeds = [0, 1]", f"seeds = {seeds}"))
    kept = {str(each): current_run(each, 9.0 if each.cell.column == "wide" else 1.0) for each in experiments_in(path)}
    table = results_table(path, kept)
    assert any("Best (" in remark for remark in table.remarks) == explained
    assert (
        any(number is not None and number.best for line in table.lines for number in line.numbers.values()) == explained
    )
