"""Warnings on the command line: one line of genkit's own, printed once for all processes."""

import warnings

import pytest

from genkit.console.warning_lines import print_warnings_as_lines
from genkit.errors import GenkitWarning


@pytest.fixture(autouse=True)
def others(monkeypatch):
    """Return a list of the warnings that Python shows in its own way."""
    shown_by_python = []
    monkeypatch.setattr(warnings, "showwarning", lambda *warning: shown_by_python.append(warning))
    print_warnings_as_lines()
    return shown_by_python


def shown(category, capsys):
    warnings.showwarning("something\x1b is odd", category, "file.py", 3)
    return capsys.readouterr()


def test_a_warning_of_genkit_is_one_line_on_stderr(capsys):
    out = shown(GenkitWarning, capsys)
    assert out.out == "" and out.err == "warning: something\\x1b is odd\n"


def test_other_warnings_are_left_to_python(capsys, others):
    assert shown(UserWarning, capsys).err == ""
    assert others == [("something\x1b is odd", UserWarning, "file.py", 3)]


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_only_the_main_process_prints_it(rank, lines, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    assert len(shown(GenkitWarning, capsys).err.splitlines()) == lines
