"""Tables at every width: nothing is lost, nothing is wider than the terminal, and no word that fits is cut."""

import io
import os
import random
import re
from contextlib import redirect_stdout

import pytest
from support.terminal import Terminal, shown

from genkit.console.captured import text_of
from genkit.console.output import Console

NUMBERS = ["8", "0.79178", "-1.25e-06", "22.4", "0.0001*", "3000/3000", "289.8"]
KEYS = ["optimiser.encoder.lr.milestones", "metrics.high-quality.weights", "train.steps"]
NAMES = ["0001-soft-introvae-8gaussians-s0", "reconstruction-error", "higher", "is", "better", "samples,", "µ-split"]


def printed(width, *table, terminal=True, **options):
    return shown(width, lambda console: console.table(*table, **options), terminal=terminal)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    """Let no variable of the shell decide what the terminal can do."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def some_table(seed):
    """Return the head and the rows of a table of random words."""
    source = random.Random(seed)
    columns = source.randint(2, 6)
    words = [*NUMBERS, *NUMBERS, *KEYS[:1], *NAMES]

    def cell(most):
        return " ".join(source.choice(words) for _ in range(source.randint(0, most)))

    head = [source.choice(NAMES) for _ in range(columns)]
    return head, [[*(cell(2) for _ in range(columns - 1)), cell(12)] for _ in range(source.randint(1, 5))]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("options", [{}, {"below": True}, {"repeat": 1}, {"below": True, "repeat": 1}], ids="-".join)
def test_no_number_is_cut_and_nothing_is_lost_at_any_width(seed, options):
    head, rows = some_table(seed)
    for width in range(40, 201, 7):
        lines = printed(width, "a title", head, rows, **options).splitlines()
        assert max(map(len, lines)) <= width
        shown = re.findall(r"\S+", "\n".join(lines))
        for word in (word for row in rows for cell in row for word in cell.split()):
            least = 12 if len(head) <= 3 else 9  # numbers of all columns fit beside each other
            if word in NUMBERS and width >= least * len(head):
                assert word in shown, (word, width)
        letters = "".join(sorted("".join(cell for row in rows for cell in row).replace(" ", "")))
        if not options:
            body = "".join(sorted("".join(lines[1:]).replace(" ", "")))
            assert body == "".join(sorted(letters + "".join(head)))


@pytest.mark.parametrize("width", [45, 60, 80])
def test_no_word_is_cut_where_the_words_fit(width):
    rows = [("high-quality ↑", "0.7918", "50000 samples, " * 9 + "of optimiser.betas"), ("modes ↑", "8", "some")]
    for options in ({}, {"below": True}):
        shown = printed(width, "results", ("metric", "value", "protocol"), rows, **options).split()
        for row in rows:
            assert set(" ".join(row).split()) <= set(shown)
        assert "high-quality ↑" in printed(width, "results", ("metric", "value", "protocol"), rows, **options)


def test_the_last_column_is_below_its_row_where_the_table_does_not_fit():
    rows = [("modes", "8", "50000 samples, drawn split"), ("fid", "1.5", "100 samples")]
    head = ("metric", "value", "protocol")
    lines = printed(30, "results", head, rows, below=True).rstrip().splitlines()
    assert [line.split() for line in lines[1:6]] == [
        ["metric", "value"], ["protocol"], ["modes", "8"], ["50000", "samples,", "drawn", "split"], ["fid", "1.5"],
    ]  # fmt: skip
    assert lines[4].startswith("    50000")
    beside = printed(100, "results", head, rows, below=True)
    assert beside == printed(100, "results", head, rows) and "8      50000 samples" in beside


def test_columns_without_room_are_in_further_tables_with_the_first_columns_again():
    head = ["", "metric", *(f"method-{k}" for k in range(6))]
    rows = [[f"row-{row}", "psnr ↑", *(f"22.{row}{k} ± 0.{k}" for k in range(6))] for row in range(3)]
    for width in range(40, 120, 3):
        text = printed(width, "a title", head, rows, repeat=2)
        blocks = text.rstrip().split("\n\n")
        for number, block in enumerate(blocks):
            title, first, *body = block.splitlines()
            assert title.split(",")[0].strip() == "a title" and ("continued" in title) == (number > 0)
            assert first.split()[0] == "metric" and [line.split()[:2] for line in body] == [
                [f"row-{row}", "psnr"] for row in range(3)
            ]
        for row in rows:
            assert all(text.count(cell) == 1 for cell in row[2:])
        assert len(blocks) == 1 or width < 8 + 8 + 6 * 13


def test_a_file_has_one_table_whatever_a_terminal_would_have():
    head, rows = some_table(1)
    plain = printed(50, "a title", head, rows, terminal=False)
    assert plain == printed(50, "a title", head, rows, terminal=False, below=True, repeat=1)
    assert plain == printed(50, "a title", head, rows)


def test_columns_is_the_width_of_a_file_too(monkeypatch):
    """As for git, pytest and rich."""
    head, rows = some_table(1)
    beside = printed(50, "a title", head, rows, below=True, repeat=1)
    monkeypatch.setenv("COLUMNS", "50")
    assert printed(50, "a title", head, rows, terminal=False, below=True, repeat=1) == beside
    with redirect_stdout(io.StringIO()):
        assert Console().rich.width == 50


@pytest.mark.parametrize("columns", ["", "0", "-3", "x", "4.5"])
def test_columns_that_is_no_width_is_as_if_it_were_not_set(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    with redirect_stdout(io.StringIO()):
        assert Console().rich.width == 160 and not Console().has_width
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((70, 20)))
    with redirect_stdout(Terminal()):
        assert Console().rich.width == 70


def test_what_python_shows_does_not_depend_on_the_terminal_it_runs_in(monkeypatch):
    head, rows = some_table(2)
    before = text_of(lambda console: console.table("a title", head, rows * 2, below=True, repeat=1))
    monkeypatch.setenv("COLUMNS", "40")
    assert text_of(lambda console: console.table("a title", head, rows * 2, below=True, repeat=1)) == before


def test_further_tables_have_as_many_columns_as_the_first_and_there_are_as_few_as_possible():
    head = ["", *(f"method-{k}" for k in range(4))]
    rows = [["psnr ↑", *("22.4 ± 0.1" for _ in range(4))]]
    for width, columns in ((60, [4]), (50, [2, 2]), (33, [2, 2]), (25, [1, 1, 1, 1])):
        blocks = printed(width, "t", head, rows, repeat=1).rstrip().split("\n\n")
        assert [block.count("method") for block in blocks] == columns, width


def test_brackets_are_text_in_titles_heads_and_cells():
    text = printed(80, "[b]t[/b]", ("[red]h", "x"), [("[/]c", "1")], below=True, repeat=1)
    assert all(part in text for part in ("[b]t[/b]", "[red]h", "[/]c"))


def test_a_note_is_printed_once_and_all_of_its_lines_are_indented():
    head = ["metric", *(f"run-{k}" for k in range(8)), "protocol"]
    rows = [["psnr", *(f"22.{row}{k}" for k in range(8)), f"n{row} " + "samples, " * 12] for row in range(2)]
    for width in range(30, 60, 5):
        text = printed(width, "a title", head, rows, below=True, repeat=1)
        assert "continued" in text and text.count("protocol") == text.count("n0 ") == text.count("n1 ") == 1
        notes = [line for line in text.splitlines() if "samples" in line]
        assert len(notes) > 4 and all(line.startswith("    ") and line[4] != " " for line in notes)
