"""The next commands after a run: the run to compare it with."""

import pytest
from support.run_folders import write_run

from genkit.cli.show.show_next import comparable_run

pytestmark = pytest.mark.fast

RESULTS = [{"label": "modes", "value": 1.0, "better": "higher"}]


def test_an_entry_that_cannot_be_read_does_not_hide_the_run_to_compare_with(tmp_path):
    tables = '[data]\nuse = "ring"\n'
    first, other, new = (
        write_run(tmp_path / name, tables=text, results=RESULTS)
        for name, text in (("0001-a", tables), ("0002-b", '[data]\nuse = "grid"\n'), ("0003-c", tables))
    )
    assert comparable_run(new).path == first.path and comparable_run(other) is None
    (tmp_path / "loop").symlink_to("loop")
    assert comparable_run(new).path == first.path and comparable_run(first).path == new.path


def test_runs_of_tables_and_searches_are_not_compared_with(tmp_path):
    new, _ = (write_run(tmp_path / name, results=RESULTS) for name in ("0002-b", "zebra_digits-6176392ca5c9-s0"))
    assert comparable_run(new) is None
    first = write_run(tmp_path / "0001-a", results=RESULTS)
    assert comparable_run(new).path == first.path


def test_the_newest_run_of_the_same_recipe_comes_first(tmp_path):
    titles = {"0009-a": "vae", "9999-b": "vae", "10000-c": "vae", "10001-d": "gan", "10002-e": "vae", "10003-f": "wae"}
    runs = {name: write_run(tmp_path / name, title=title, results=RESULTS) for name, title in titles.items()}
    assert comparable_run(runs["10002-e"]).path == runs["10000-c"].path
    assert comparable_run(runs["10003-f"]).path == runs["10002-e"].path  # no other run of its recipe
