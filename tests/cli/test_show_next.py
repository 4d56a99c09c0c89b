"""The next commands after a run: the run to compare it with."""

import pytest
from support.run_folders import write_run

from genkit.cli.show_next import comparable_run

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
