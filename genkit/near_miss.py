"""Names that a user may have meant: those closest to the one that was written."""

from __future__ import annotations

from collections.abc import Iterable

MOST_CLOSE = 5  # names that one message suggests


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean X?"`` with the names of `closest`, or else a list of all known names."""
    known = sorted(known)
    if found := closest(name, known):
        return f" Did you mean {' or '.join(found)}?"
    return f" Known: {', '.join(known)}." if known else ""


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names closest to `name`, at most `MOST_CLOSE`; none if no name is close.

    Names that are equally close are all returned. Close means one edit for every three characters.
    """
    distances = {each: _distance_in_words(name, each) for each in sorted(known)}
    least = min(distances.values(), default=len(name))
    if int(least) > (len(name) + 1) // 3:
        return []
    return [each for each, distance in distances.items() if distance == least][:MOST_CLOSE]


def ended(text: str) -> str:
    """Return a sentence with its full stop; one that ends with a suggested name has a question mark already."""
    return text if text.endswith((".", "?")) else f"{text}."


def _distance_in_words(name: str, known: str) -> float:
    """Return the edit distance of `name` from `known`, or half more from its beginning: ``bta`` is near ``beta_kl``.

    A beginning ends with a word, or is `name` itself.
    """
    name, known = name.lower().replace("_", "-"), known.lower().replace("_", "-")
    if len(name) > 2 * len(known) + 2:  # a long text is close to no name
        return len(name)
    words = known.split("-")
    beginnings = ["-".join(words[:number]) for number in range(1, len(words))]
    distances = [_edit_distance(name, known), *(_edit_distance(name, each) + 0.5 for each in beginnings)]
    return min([*distances, 1.5] if len(name) > 1 and known.startswith(name) else distances)


def _edit_distance(a: str, b: str) -> int:
    """Return how many insertions, deletions, replacements and swaps of neighbours turn `a` into `b`."""
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
