"""The first sentences of a text, and the rest: a page shows the first ones and folds the others."""

from __future__ import annotations

import re

SENTENCES = 2  # shown
SHORT = 150  # characters: a rest that is not longer is not worth folding
ABBREVIATIONS = frozenset({"al.", "cf.", "e.g.", "i.e.", "eq.", "fig.", "no.", "resp.", "sec.", "vol.", "vs."})


def opening_and_rest(text: str) -> tuple[str, str]:
    """Return the first two sentences, or the first paragraph if it is shorter, and the rest; no word is lost.

    The rest is empty if it would be short.
    """
    ends = _ends_of_sentences(text)
    end = ends[SENTENCES - 1] if len(ends) >= SENTENCES else len(text)
    if paragraph := re.search(r"\n\s*\n", text):
        end = min(end, paragraph.start())
    opening, rest = text[:end].strip(), text[end:].strip()
    return (opening, rest) if len(rest) > SHORT else (text.strip(), "")


def _ends_of_sentences(text: str) -> list[int]:
    """Return where sentences end: at a full stop before an upper-case letter or a number such as .5."""
    return [
        found.start() + 1
        for found in re.finditer(r"[.!?]\s+(?=[\"“'`(]?(\.\d|\w))", text)
        if (found[1][0] == "." or found[1].isupper())
        and text[: found.start() + 1].split()[-1].lower().lstrip("(") not in ABBREVIATIONS
    ]
