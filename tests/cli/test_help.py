"""Help texts: every command is listed once below its heading, and no description is cut in 80 columns."""

from collections.abc import Iterator

import pytest
import typer
from support.commands import genkit

from genkit.cli import app
from genkit.cli.headings import ORDER

COLUMNS = 80


@pytest.fixture(autouse=True)
def _isolated(isolated, monkeypatch):
    """Run each test in an empty folder, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))


def groups(command=None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of all groups of commands."""
    command = command or typer.main.get_command(app)
    if hasattr(command, "commands"):
        yield path
        for name, each in command.commands.items():
            yield from groups(each, (*path, name))


@pytest.mark.parametrize("group", list(groups()), ids=lambda group: " ".join(group) or "genkit")
def test_no_description_is_cut_and_every_command_is_listed_once(group):
    result = genkit(*group, "--help")
    assert result.code == 0 and "..." not in result.out.partition("\n")[2].replace("NAME,...", "")
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    command = typer.main.get_command(app)
    for name in group:
        command = command.commands[name]
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in command.commands]
    assert sorted(listed) == sorted(command.commands)


def test_commands_are_below_headings():
    lines = [line for line in genkit("--help").out.splitlines() if line.endswith(":")]
    assert lines == ["Options:", *(f"{heading}:" for heading in ORDER)]
