"""Options that name a place for new files: a place that cannot be written to is refused before anything else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from support.commands import refused

from genkit.cli import app
from genkit.storage.os_errors import why_unwritable

pytestmark = pytest.mark.fast

WRITE = {"--out", "--runs", "--masks", "--html"}
ONLY_READ = {("table", "figure", "--runs"), ("anomaly", "--masks")}


def options_that_write(command=None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of a command and one of its options, for all commands."""
    command = command or typer.main.get_command(app)
    for name, each in getattr(command, "commands", {}).items():
        yield from options_that_write(each, (*path, name))
    calls = [(*path, option) for parameter in command.params for option in parameter.opts if option in WRITE]
    yield from (call for call in calls if call not in ONLY_READ)


@pytest.mark.parametrize("call", list(options_that_write()), ids=" ".join)
def test_a_place_below_a_file_is_refused_before_the_command_works(isolated, call):
    Path("file").write_text("")
    *command, option = call
    message = refused(*command, f"{option}=file/new.html")  # not even the missing arguments are found
    assert message.startswith(f"error: {option} file/new.html: ") and "file is a file" in message
    assert os.listdir() == ["file"]


def test_the_default_place_is_checked_too(isolated):
    Path("runs").write_text("")
    assert refused("run", "vae_8gaussians").startswith("error: --runs runs: ")


def test_the_reason_names_the_nearest_place_that_exists(isolated):
    Path("file").write_text("")
    assert why_unwritable(Path("file/a/b")) == why_unwritable(Path("file")) == "file is a file, not a folder"
    assert why_unwritable(Path("new/a/b")) == ""
