"""Sentences about what an interval covers."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.bases.metrics.ranking import REPLICATES

CHANCE = 0.5  # AUROC of scores that do not depend on the sample
NO_INTERVAL = "the bootstrap replicates are too few or equal, so they do not tell how uncertain the number is"
"""Reason for which a number has no interval (`genkit.core.estimate`)."""


def describe_interval(what: str, *groups: Sequence[str] | None) -> str:
    """Return what a bootstrap of some sets draws: `what`, or groups where a set has them.

    A set without groups counts each of its pictures as a group, so the text then says so.
    """
    if all(of is None for of in groups):
        return f"95 %, {REPLICATES} bootstrap replicates of {what}"
    numbers = [None if of is None else len(set(of)) for of in groups]
    shown = " and ".join("single pictures" if number is None else f"{number:,} groups" for number in numbers)
    return f"95 %, {REPLICATES} bootstrap replicates of {shown}"


def remark_on_chance(what: str, interval: tuple[float, float] | None) -> str:
    """Return that an AUROC cannot be told from chance, if its interval contains .5; empty otherwise."""
    if interval is None or not interval[0] <= CHANCE <= interval[1]:
        return ""
    return f"{what}: the interval contains {CHANCE:g}, so the AUROC cannot be told from chance."
