"""Characters that an encoding lacks, in ASCII."""

import io
import sys

import pytest

from genkit.console.ascii_forms import written_in
from genkit.console.output import Console
from genkit.console.streams import protect_streams


@pytest.mark.parametrize(
    "text, shown",
    [
        *(("fid ↓", "fid (lower is better)"), ("modes ↑", "modes (higher is better)"), ("1 ± 2", "1 +/- 2")),
        *(("D(μ(x)), β_KL, Σ", "D(mu(x)), beta_KL, Sigma"), ("Möwe", "Mowe"), ("x²", "x^2"), ("花", "?")),
    ],
)
def test_a_character_that_ascii_lacks_is_spelled_out(text, shown):
    assert written_in(text, "ascii") == shown
    assert written_in(text, "utf-8") == text


def test_an_encoding_keeps_the_characters_that_it_has():
    assert written_in("± μ ↑", "latin-1") == "± mu (higher is better)"


@pytest.fixture
def ascii_output(monkeypatch):
    """Return a function that makes standard output ASCII, and returns a function that reads what was written."""

    def become():
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
        protect_streams()
        return lambda: written.getvalue().decode("ascii")

    return become


def test_the_directions_of_two_metrics_differ_where_the_output_is_ascii(ascii_output):
    written = ascii_output()
    print("fid ↓, modes ↑")
    Console().table("Möwen", ("fid ↓", "modes ↑"), [("1.0 ± 2", "8"), ("3", "7")])
    printed, title, header, *rows, _ = written().splitlines()
    assert printed == "fid (lower is better), modes (higher is better)"
    assert (title.strip(), header.split("  ")) == ("Mowen", ["fid (lower is better)", "modes (higher is better)"])
    assert [row.index(cell) for row, cell in zip(rows, "87", strict=True)] == [header.index("modes")] * 2
