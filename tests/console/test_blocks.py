"""Block characters in a terminal are the picture, pixel by pixel; where they could not be shown, nothing is printed."""

import io
import re

import numpy as np
import pytest
import rich.console

from genkit.console.blocks import Space, print_picture, space_for_picture
from genkit.console.output import Console

CELL = re.compile(r"((?:\x1b\[[\d;]*m)*)([ ▀▄\n])")


class Terminal(io.TextIOWrapper):
    """A file that says that it is a terminal."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self):
        return True


@pytest.fixture
def console(monkeypatch):
    """Return a function that makes the console of a terminal, with variables of its shell."""

    def make(file=None, quiet=False, **variables):
        for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "GENKIT_PICTURES", "COLUMNS", "LINES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", "COLORTERM": "truecolor", **variables}.items():
            monkeypatch.setenv(name, value)
        made = Console(quiet=quiet)
        made.rich = rich.console.Console(
            file=file or Terminal(), width=80, height=25, highlight=False, soft_wrap=True, emoji=False
        )
        return made

    return make


def read_back(text):
    """Return the picture that a terminal shows: (H, W, 4), with two pixels a character."""
    lines, upper, lower = [[]], None, None
    for escapes, character in CELL.findall(text):
        for codes in re.findall(r"\x1b\[([\d;]*)m", escapes):
            values = [int(code) for code in codes.split(";") if code]
            while values:
                code = values.pop(0)
                if code == 0:
                    upper = lower = None
                else:  # 38 is the foreground, 48 the background, and 2 says that three values follow
                    assert code in (38, 48) and values.pop(0) == 2
                    colour, values = (*values[:3], 255), values[3:]
                    upper, lower = (colour, lower) if code == 38 else (upper, colour)
        if character == "\n":
            lines.append([])
        else:
            empty = (0, 0, 0, 0)
            shown = {" ": (lower, lower), "▀": (upper, lower), "▄": (lower, upper)}[character]
            lines[-1].append([each or empty for each in shown])
    assert lines[-1] == []
    rows = [[cell[half] for cell in line] for line in lines[:-1] for half in (0, 1)]
    return np.array(rows, np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 7), (24, 79), (25, 80)])
def test_the_characters_read_back_are_the_picture(console, shape):
    random = np.random.default_rng(len(shape) + shape[0])
    pixels = random.integers(0, 256, (*shape, 4), np.uint8)
    pixels[..., 3] = 255 * (random.random(shape) < 0.7)
    pixels[pixels[..., 3] == 0] = 0
    made = console()
    print_picture(made, pixels)
    text = made.rich.file.buffer.getvalue().decode()
    shown = read_back(text)
    assert shown.shape == (shape[0] + shape[0] % 2, shape[1], 4)
    np.testing.assert_array_equal(shown[: shape[0]], pixels)
    assert not shown[shape[0] :].any()


def test_a_terminal_of_256_colours_gets_the_nearest(console):
    made = console(COLORTERM="", TERM="xterm-256color")
    print_picture(made, np.full((2, 2, 4), 255, np.uint8))
    text = made.rich.file.buffer.getvalue().decode()
    assert "38;5;" in text and "48;5;" in text and "38;2" not in text


def test_the_room_is_the_width_and_half_of_the_height(console):
    assert space_for_picture(console()) == Space(80, 24)


@pytest.mark.parametrize(
    "setting",
    [
        *({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"GENKIT_PICTURES": "none"}, {"quiet": True}),
        *(
            {"TERM": "xterm", "COLORTERM": ""},
            {"file": "ascii"},
            {"file": "pipe"},
            {"file": "pipe", "FORCE_COLOR": "1"},
        ),
    ],
    ids=lambda setting: "-".join(setting) + str(setting.get("file", "")),
)
def test_no_picture_where_it_could_not_be_shown(console, setting):
    files = {"ascii": lambda: Terminal("ascii"), "pipe": io.StringIO}
    setting = {name: files[value]() if name == "file" else value for name, value in setting.items()}
    made = console(**setting)
    if setting == {"TERM": "xterm", "COLORTERM": ""}:
        made.rich = rich.console.Console(file=Terminal(), color_system="standard", width=80, height=25)
    assert space_for_picture(made) is None
