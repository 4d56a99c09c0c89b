"""Help texts: every command is listed once below its heading, and no description is cut in 80 columns."""

import re
from collections.abc import Iterator

import pytest
import typer
from support.commands import genkit, refused
from support.messages import assert_names

from genkit.cli import app
from genkit.cli.arguments.headings import ORDER

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


def commands(command=None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
    """Yield the names and the object of every command that is no group."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_no_help_shows_types_of_python(path):
    text = genkit(*path, "--help").out
    assert text.startswith(f"Usage: genkit {' '.join(path)} [OPTIONS]")
    assert not re.search(r"<[A-Za-z]|int range|[{}]", text)


NUMBERS = [
    (*path, max(parameter.opts, key=len))
    for path, command in commands()
    for parameter in command.params
    if parameter.metavar in ("NUMBER", "S") or type(parameter.default) in (int, float)
]


@pytest.mark.parametrize("value", ["inf", "-1", "", "3x"])
@pytest.mark.parametrize("call", NUMBERS, ids=" ".join)
def test_a_number_that_is_refused_is_named_with_its_option(isolated, call, value):
    *command, option = call
    if option in ("--fpr", "--smooth") and value in ("inf", "-1"):
        pytest.skip("the command itself checks the range")
    message = refused(*command, f"{option}={value}")
    assert message.startswith(f"error: {option} {value}: ") and "number" in message


def test_an_unknown_choice_and_a_number_out_of_range_name_what_is_expected(isolated):
    assert_names(refused("data", "export", "--split", "tst"), "error: --split tst: ", "Did you mean test?")
    assert_names(refused("demo", "--port", 99999), "error: --port 99999: ", "1 to 65535")
