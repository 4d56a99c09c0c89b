"""Pictures in a terminal, as block characters: each has two pixels, one above the other.

A terminal shows them if it has 256 colours or more and its encoding has the characters. ``GENKIT_PICTURES=none`` turns
them off; so do ``NO_COLOR`` and ``TERM=dumb``. Files and pipes get none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from genkit.console.output import Console
from genkit.console.output_width import is_terminal

if TYPE_CHECKING:
    import numpy as np

UPPER, LOWER = "▀", "▄"
COLOURS = ("256", "truecolor")  # names of rich
SWITCH, OFF = "GENKIT_PICTURES", "none"


class Space(NamedTuple):
    """The room for a picture, in pixels: a character is one pixel wide and two high."""

    width: int
    height: int


def space_for_picture(console: Console) -> Space | None:
    """Return the room for a picture: the width of the terminal, and half its height; None if it shows no pictures."""
    terminal = console.rich
    if console.silent or console.quiet or os.environ.get(SWITCH) == OFF or not is_terminal(terminal):
        return None
    if terminal.no_color or terminal.color_system not in COLOURS:
        return None
    try:
        (UPPER + LOWER).encode(terminal.encoding)
    except UnicodeEncodeError:
        return None
    return Space(terminal.width, 2 * (terminal.height // 2))


def print_picture(console: Console, pixels: np.ndarray) -> None:
    """Print a picture, (H, W, 4) uint8, red, green, blue and alpha. Where alpha is 0 the terminal keeps its colour."""
    from rich.text import Text

    text = Text(no_wrap=True)
    for top in range(0, len(pixels), 2):
        for column in range(pixels.shape[1]):
            text.append(*_character([_colour(pixel) for pixel in pixels[top : top + 2, column]]))
        text.append("\n")
    console.rich.print(text, end="", soft_wrap=True)


def _character(colours: list[str | None]) -> tuple[str, str]:
    """Return the character of two pixels, or of one in a last line, and its style."""
    upper, lower = (*colours, None)[:2]
    if upper is None:
        return (" ", "") if lower is None else (LOWER, lower)
    return UPPER, upper if lower is None else f"{upper} on {lower}"


def _colour(pixel: np.ndarray) -> str | None:
    red, green, blue, alpha = pixel.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}" if alpha else None
