"""Progress of a run: a bar on a terminal, lines elsewhere."""

import io
import re
import sys

import pytest
from support.terminal import Terminal

from genkit.console.output import Console, progress_count
from genkit.console.progress_lines import CountLines
from genkit.console.run_progress import ProgressBar, ProgressLines


def _terminal_of(monkeypatch, columns: int) -> Terminal:
    """Return a terminal of so many columns, in place of stdout."""
    for name, value in {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    return terminal


def test_a_bar_of_eighty_columns_is_whole(monkeypatch):
    terminal = _terminal_of(monkeypatch, 80)
    with Console().progress(30000) as progress:
        assert type(progress) is ProgressBar
        for step in (1, 12000, 30000):
            progress.update(step, {"encoder/total": 0.1234, "decoder/total": 0.25, "critic/total": 12345.0})
    last = re.findall(r"step [^\r\n\x1b]*", terminal.getvalue())[-1]
    assert len(last) <= 80
    assert re.match(r"step 30000/30000 ━{12} .*0:00:00 encoder 0.123 .*…", last), last


def test_a_remark_above_a_bar_is_broken_between_words(monkeypatch):
    terminal = _terminal_of(monkeypatch, 40)
    with Console().progress(30) as progress:
        progress.remarked("the reconstructions of the data become worse, and nothing here says why")
    lines = [
        re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", line).strip() for line in re.split(r"[\r\n]+", terminal.getvalue())
    ]
    assert "remark: the reconstructions of the data" in lines and "become worse, and nothing here says why" in lines


COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])(?:;[0-9;]*)?m")


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_has_colours_unless_no_color_is_set(monkeypatch, variables):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with Console().progress(2) as progress:
        progress.update(1, {"vae/total": 1.0})
    assert bool(COLOUR.search(terminal.getvalue())) is (not variables)


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "1"}, {}])
def test_a_file_has_lines(monkeypatch, variables):
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console = Console()
    with console.progress(10) as progress:
        assert type(progress) is ProgressLines
    console.table("", ("a", "b"), [("word " * 15, "word " * 15)])
    assert sys.stdout.getvalue().count("\n") <= 4  # not folded at eighty columns


def test_lines_come_whatever_is_logged(capsys, monkeypatch):
    seconds = iter([0.0, 0.0, 9.0, 11.0, 15.0, 22.0, 23.0])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    with Console().progress(100) as progress:
        progress.update(1, None)
        progress.update(2, {"vae/total": 2.5})
        for step in (3, 4, 5, 100):
            progress.update(step, None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["3/100", "5/100", "100/100"]
    assert all(line.endswith("vae/total 2.5") for line in lines)


def test_counted_work_has_a_line_every_few_seconds():
    lines, now = [], [100.0]
    count = CountLines(lines.append, "scoring", 5_000, 10.0, lambda: now[0])
    for time, done in ((104, 500), (109.9, 250), (110, 250), (115, 1000), (121, 100), (200, 2900)):
        now[0] = time
        count(done)
    assert lines == ["scoring  1,000/5,000, 40 s left", "scoring  2,100/5,000, 29 s left", "scoring  5,000/5,000"]


def test_counted_work_without_a_terminal_writes_to_stderr_only(monkeypatch, capsys):
    monkeypatch.setattr("genkit.console.output.SECONDS_BETWEEN_LINES", 0.0)
    with progress_count("scoring [of x]", 2) as advance:
        advance(1)
    found = capsys.readouterr()
    assert found.out == "" and re.fullmatch(r"scoring \[of x\]  1/2, \d+ s left\n", found.err)
    monkeypatch.setattr("genkit.console.output.is_main_process", lambda: False)
    with progress_count("scoring", 2) as advance:
        advance(1)
    assert capsys.readouterr().err == ""


def test_short_work_writes_nothing(capsys):
    with progress_count("scoring", 2) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_work_of_unknown_length_is_counted_without_an_estimate(monkeypatch):
    lines, now = [], [0.0]
    count = CountLines(lines.append, "fitting", None, 10.0, lambda: now[0])
    for now[0] in (5.0, 11.0, 12.0, 22.0):
        count(1)
    assert [line.split(",")[0] for line in lines] == ["fitting  2", "fitting  4"]
    assert not any("left" in line or "/" in line for line in lines)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_count("fitting", None) as advance:
        advance(3)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"fitting 3\b", shown) and "?" not in shown
