"""Words of a cell, and where they may be broken. Each level breaks what the one before it keeps whole.

0   "22.4 ± 0.1", "psnr ↑" and "95 %" stay together
1   "± 0.1" and "95 %" stay together
2   words stay together
3   names are broken after a hyphen, an underscore or a slash: ``high-`` ``quality``, ``runs/`` ``0001-``
4   keys are broken after a full stop: ``optimiser.`` ``encoder.`` ``lr``
5   anything but numbers may be broken anywhere
6   numbers, too
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

LEVELS = range(7)
BROKEN_NAMES = 3  # the level that breaks names
TOGETHER = (
    re.compile(r"\S+ ± \S+|\S+ [↑↓](?!\S)|\d\S* %\S*|\S+"),
    re.compile(r"± \S+|\d\S* %\S*|\S+"),
    re.compile(r"\S+"),
)
NAMES = re.compile(r"(?<=;) ")
NAME = re.compile(r"(?<=[^\W\d_][-_])(?=\w)|(?<=\d[-_])(?=[^\W\d_])|(?<=/)(?=\w)")
KEY = re.compile(rf"{NAME.pattern}|(?<=[^\W\d_]\.)(?=\w)")
IS_KEY = re.compile(r"\W*[^\W\d][\w-]*(\.[\w-]+)+\W*")  # optimiser.encoder.lr
IS_NUMBER = re.compile(r"\W*\d[\d.,]*(e[-+]?\d+)?(/\d+)?\W*")  # also 813/1500, and with signs and brackets around it


def pieces(cell: str, level: int) -> Iterator[str]:
    """Yield the pieces of a cell that a level keeps whole."""
    if level < len(TOGETHER):
        yield from TOGETHER[level].findall(cell)
        return
    for word in cell.split():
        yield from _pieces_of_word(word, level)


def wrapped(cell: str, width: int) -> list[str]:
    """Return the lines of a cell. A word that is wider than a line is broken at the lowest level that makes it fit."""
    lines = []
    for text in cell.split("\n"):
        lines += [text] if cell_len(text) <= width else _filled(text, width)
    return lines


def wrapped_names(names: str, width: int) -> list[str]:
    """Return the lines of names with a semicolon between them: a name that fits on a line is kept on one line."""
    lines: list[str] = []
    for name in NAMES.split(names):
        if lines and cell_len(f"{lines[-1]} {name}") <= width:
            lines[-1] += f" {name}"
        else:
            lines += wrapped(name, width)
    return lines


def wrapped_prose(text: str, width: int) -> list[str]:
    """Return the lines of a text that are broken between words only: a path or a command may be copied from it.

    Spaces at the beginning of a line are kept.
    """
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" "))]
        whole = cell_len(line) <= width
        lines += [line] if whole else [indent + part for part in _filled(line, width - len(indent), words_only=True)]
    return lines


def _filled(text: str, width: int, words_only: bool = False) -> list[str]:
    lines = [""]
    for words in TOGETHER[0].findall(text):
        for space, piece in _fitting(words, width, words_only):
            between = " " if space and lines[-1] else ""
            if lines[-1] and cell_len(lines[-1] + between + piece) > width:
                lines.append("")
                between = ""
            lines[-1] += between + piece
    return lines


def _fitting(words: str, width: int, words_only: bool) -> Iterator[tuple[bool, str]]:
    """Yield the pieces of words that stay together, if they fit on a line, each with whether a space precedes it."""
    for level in range(len(TOGETHER)):
        parts = TOGETHER[level].findall(words)
        if _widest(parts) <= width or (words_only and level == len(TOGETHER) - 1):
            yield from ((True, part) for part in parts)
            return
    for word in words.split():
        level = next((level for level in LEVELS if _widest(_pieces_of_word(word, level)) <= width), LEVELS[-1])
        yield from ((place == 0, piece) for place, piece in enumerate(_pieces_of_word(word, level)))


def _pieces_of_word(word: str, level: int) -> Sequence[str]:
    if level < len(TOGETHER) or (level < LEVELS[-1] and IS_NUMBER.fullmatch(word)):
        return [word]
    if level >= LEVELS[-2]:
        return list(word)
    if level == len(TOGETHER):
        return [word] if IS_KEY.fullmatch(word) else NAME.split(word)
    return KEY.split(word)


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)
