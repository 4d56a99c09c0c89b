"""A table of results in Python: the same text and the same page as the commands."""

import csv
import io

import pytest
from support.commands import TINY
from support.commands import genkit as command

import genkit
from genkit.errors import UsageError

TABLE = """\
title = "widths"
metrics = ["modes"]
seeds = [0]
[columns.narrow]
recipe = "tiny.toml"
[columns.wide]
recipe = "tiny.toml"
set.model.width = 32
[rows.a]
[published]
source = "a paper"
cells.a.wide = { modes = 8.0 }
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a table without kept results, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    (tmp_path / "widths.toml").write_text(TABLE, encoding="utf-8")
    return genkit.open_table("widths.toml")


def test_a_table_prints_what_the_command_prints_and_writes_its_page(table, tmp_path):
    shown = command("table", "show", "widths.toml", "--html", "by-command.html")
    assert shown.code == 0
    printed = [line.rstrip() for line in shown.out.splitlines()]
    assert all(line in printed for line in repr(table).splitlines() if "not run" in line or "fresh draws" in line)
    assert "not run [8.0]" in repr(table) and "<td>not run [8.0]</td>" in table._repr_html_()
    written = table.report()
    assert written.resolve() == tmp_path / "widths.html" and table.title == "widths"
    assert written.read_bytes() == (tmp_path / "by-command.html").read_bytes()
    assert table.report(tmp_path / "other.html").read_bytes() == written.read_bytes()


def test_a_table_is_text_in_the_formats_of_the_command(table):
    for name in ("markdown", "latex", "csv"):
        assert table.text(name) == command("table", "show", "widths.toml", "--format", name).out
    assert [row["column"] for row in csv.DictReader(io.StringIO(table.text("csv")))] == ["narrow", "wide"]
    with pytest.raises(UsageError, match="markdown, latex, csv"):
        table.text("html")


def test_mistakes_name_the_file_and_write_nothing(table, tmp_path):
    with pytest.raises(UsageError, match="widths-2"):
        genkit.open_table("widths-2.toml")
    with pytest.raises(UsageError, match="no-folder"):
        table.report(tmp_path / "no-folder" / "page.html")
    (tmp_path / "kept.json").write_text("{")
    with pytest.raises(UsageError, match=r"kept\.json"):
        genkit.open_table("widths.toml", cells="kept.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.json", "tiny.toml", "widths.toml"]
