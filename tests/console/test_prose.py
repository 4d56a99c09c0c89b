"""Sentences and texts about names on outputs of several widths."""

import itertools

import pytest
from support.terminal import shown

from genkit.console.captured import html_of, text_of

pytestmark = pytest.mark.fast

PATH = "/a/very/long/path/to-a-table/of_results.toml"
NOTE = f"Mean ± standard deviation over 22.4 ± 0.1 and `genkit table show {PATH}`, too."


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def prose(text, before=""):
    return lambda console: console.prose(text, before)


@pytest.mark.parametrize("width", [20, 33, 50, 80, 200])
def test_a_terminal_gets_lines_that_are_broken_between_words_below_the_first_word(width):
    lines = shown(width, prose(NOTE, "remark: ")).splitlines()
    words = " ".join(line[8:] for line in lines)
    assert words == NOTE and lines[0].startswith("remark: Mean")
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    assert all(
        len(line) + 1 + len(below.split()[0]) > width or "±" in below for line, below in itertools.pairwise(lines)
    )


def test_a_word_that_is_wider_than_the_terminal_is_whole_so_that_it_can_be_copied():
    assert PATH in shown(20, prose(NOTE))


def test_lines_of_a_text_keep_their_ends_and_their_indents():
    text = "first line\n    indented line with more words than one line has\n\nlast"
    assert shown(24, prose(text)).splitlines() == [
        "first line", "    indented line with", "    more words than one", "    line has", "", "last",
    ]  # fmt: skip


def test_files_and_python_get_a_line_of_any_length_and_columns_is_the_width_of_a_file_too(monkeypatch):
    assert shown(40, prose(NOTE, "remark: "), terminal=False) == f"remark: {NOTE}\n"
    assert text_of(prose(NOTE, "remark: ")) == f"remark: {NOTE}"
    assert html_of(prose(NOTE, "remark: ")) == f"<pre>remark: {NOTE}</pre>"
    monkeypatch.setenv("COLUMNS", "40")
    assert shown(40, prose(NOTE), terminal=False) == shown(40, prose(NOTE))
    assert text_of(prose(NOTE, "remark: ")) == f"remark: {NOTE}" and html_of(prose(NOTE)) == f"<pre>{NOTE}</pre>"


def test_remarks_are_no_results():
    def show(console):
        console.quiet = True
        console.remarks("of no importance")

    assert shown(40, show) == ""


def texts(*rows):
    return lambda console: console.texts("how", ("numbers", "protocol"), rows)


PROTOCOL = "5000 samples, drawn split, box [-4, 4] x [-4, 4], bins 100 x 100, outside dropped, floor 1e-14"


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_a_text_has_half_of_the_width_beside_its_names_or_almost_all_of_it_below(width, terminal):
    for length in (5, width // 2 - 2, width // 2 - 1, 3 * width):
        names = ("name-of-a-cell; " * width)[:length].strip("; ")
        lines = shown(width, texts((names, PROTOCOL * 2), ("x", "y")), terminal=terminal).rstrip().splitlines()
        assert max(len(line.rstrip()) for line in lines) <= width
        is_below = "    protocol" in lines
        assert is_below == (len(names) > width // 2 - 2)
        least = width - 4 if is_below else width // 2
        parts = [line for line in lines if "samples" in line or "bins" in line]
        assert max(len(line.lstrip() if is_below else line) for line in parts) >= least - 12
        if is_below:
            assert lines[-2:] == ["x", "    y"]


def test_texts_that_fit_beside_long_names_are_beside_them():
    assert "    protocol" not in shown(60, texts(("a long name of many cells, longer than 30", "short"))).splitlines()


def test_a_name_that_fits_is_on_one_line():
    names = [f"row {row}, beta_kl = .{row} / mixture" for row in range(5)]
    lines = shown(50, texts(("; ".join(names), PROTOCOL))).splitlines()
    assert all(any(name in line for line in lines) for name in names)
    assert html_of(texts(("; ".join(names), PROTOCOL))).count("<td>") == 2


def test_no_texts_print_nothing():
    assert shown(50, texts()) == ""
