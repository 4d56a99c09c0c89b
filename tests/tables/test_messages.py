"""Typical messages of `genkit table` and the remarks below a table, as a user reads them."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import refused
from support.tables import current_run, experiments_in, made_up_result, made_up_run, results_table

from genkit.errors import UsageError
from genkit.tables.read_table import read_table
from genkit.tables.results_file import ResultsFile


def message_of(function, *arguments):
    with pytest.raises(UsageError) as caught:
        function(*arguments)
    return str(caught.value)


def test_messages_about_a_table_file(isolated, table_file, golden):
    path = table_file(
        ('columns = ["wide"]', 'columns = ["wdie"]'),
        ('ignore = ["loss.beta_kl"]', 'ignore = ["loss.beta_k"]'),
        ("[rows.a]", '[rows."a b"]\nignore.wide = ["train"]\nset.seed = 3'),
        ("{ modes = 8.0 }", "{ moods = 8.0 }"),
        ("seeds = [0, 1]", "seeds = [1, 1]"),
    )
    messages = [message_of(read_table, path)]
    for changes in (
        [('metrics = ["modes"]', 'metrics = ["modes", "mode"]')],
        [("set.model.width = 32", "set.metrics.modes.samples = 200")],
    ):
        messages.append(message_of(experiments_in, table_file(*changes)))
    golden("tables-table-file", "\n\n".join(messages) + "\n")


def test_messages_about_files_of_results(isolated, table_file, golden):
    path, messages = Path("t.json"), []
    for text in ("<<<<<<< HEAD\n{}", "[]", '{"format": 9}'):
        path.write_text(text)
        messages.append(message_of(ResultsFile(path, "t.toml").read))
    path.unlink()
    ResultsFile(path, "t.toml").add("a/x/0", made_up_run(1.0))
    messages.append(message_of(ResultsFile(path, "new.toml").read))

    experiment = experiments_in(table_file())[0]
    resolved = experiment.open_folder(Path("runs")).resolved
    resolved.write_text(resolved.read_text().replace("width = 16", "width = 17"))
    messages.append(message_of(experiment.open_folder, Path("runs")))
    golden("tables-results", "\n\n".join(messages) + "\n")


CALLS = [
    "table.toml --format word",
    "train table.toml --only c",
    "reproduce table.toml --only a/wide",
    "table.toml --again",
    "table.toml --again --only a --show",
    "figure table.toml f.txt",
]


def test_messages_about_wrong_calls(isolated, table_file, golden):
    table_file()
    golden("tables-calls", "\n".join(f"$ genkit table {call}\n{refused('table', *call.split())}" for call in CALLS))


def test_remarks_below_a_table(isolated, table_file, golden):
    path = table_file(
        ('title = "B_2"', 'title = "B_2"\nneeds = "a GPU"'),
        ("[published]", '[rows.c]\ncolumns = ["narrow"]\n[published]'),
    )
    narrow, narrow_1, wide, *_, c, c_1 = experiments_in(path)
    data = {"data": {"samples": 4, "pixel_digest": "x"}}
    kept = {
        str(narrow): current_run(narrow, 3.0, made_with=data),
        str(narrow_1): replace(current_run(narrow_1, None), results={"modes": made_up_result(None)}),
        str(wide): replace(current_run(wide, 4.0), recipe={**wide.recipe, "seed": 1, "data": {"use": "25-gaussians"}}),
        str(c): replace(current_run(c, 5.0), results={"modes": made_up_result(5.0)}),
        str(c_1): replace(current_run(c_1, None), results={}, failure="encoder/total is NaN."),
    }
    kept[str(narrow_1)].results["modes"] = replace(kept[str(narrow_1)].results["modes"], reason="too few samples")
    golden("tables-remarks", "\n".join(results_table(path, kept).remarks) + "\n")
