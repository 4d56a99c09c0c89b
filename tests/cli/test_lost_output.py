"""Commands whose output is lost: the reader of a pipe ends, or a disk is full."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import write_recipe
from support.messages import assert_names

pytestmark = pytest.mark.trains
GENKIT = f'"{sys.executable}" -m genkit'


@pytest.fixture(autouse=True)
def recipe(isolated) -> Path:
    return write_recipe(isolated)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose exit code is left in the file `code`."""
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=900)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("run tiny.toml", "| head -n 1"),
        ("plan tiny.toml", "| head -n 1"),
        ("plan tiny.toml --json", "| head -c 1"),
        ("run tiny.toml", "> /dev/full"),
        ("plan missing.toml", "2> /dev/full"),
    ],
)
def test_a_command_does_its_work_although_its_output_is_lost(command, output):
    done = shell(f"{{ {GENKIT} {command}; echo $? > code; }} {output}")
    assert done.stderr == ""
    assert Path("code").read_text() == ("2\n" if "missing" in command else "0\n")
    assert Path("runs/0001-tiny-s0/final/about.json").exists() is command.startswith("run")


def test_a_command_whose_result_cannot_be_written_fails():
    done = shell(f"{GENKIT} plan tiny.toml --json > /dev/full")
    assert done.returncode == 1
    assert_names(done.stderr, "standard output: ")
