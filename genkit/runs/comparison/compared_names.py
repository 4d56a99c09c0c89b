"""Short names of compared runs, for tables on a phone."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORT = 16  # characters of a name that fits into the head of a column on a phone


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return the number in front of each name, ``0007`` of ``0007-vae-digits-s0``, if each name has another.

    Else the names themselves if they are short, or ``run 1``, ``run 2`` in their order.
    """
    numbers = {name: found[0] for name in names if (found := re.match(r"\d{4,}(?=-)", name))}
    if len(set(numbers.values())) == len(names):
        return numbers
    fit = max(map(len, names)) <= SHORT
    return {name: name if fit else f"run {number}" for number, name in enumerate(names, start=1)}
