"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.console.quantities import duration
from genkit.runs.on_disk.timing import Timing

LEAST = 0.0005  # share of the time that would be printed as 0.0 %, such as evaluations of a run without any


@dataclass(frozen=True)
class TimeShare:
    """One kind of work, with its time and its share of the whole."""

    name: str
    time: str
    share: float  # in [0, 1]


def time_shares(timing: Timing | None) -> Sequence[TimeShare]:
    """Return what the time was spent on; empty if it is not known. What an older file does not know is in the steps.

    The time of the steps is that of the host, less what is known apart. A GPU computes phases while the host loads data
    or waits for it, so their times may add up to more. They are then shortened in proportion: the whole stays the time
    that has passed.
    """
    if timing is None or timing.seconds <= 0:
        return ()
    known = {
        "waiting for data": timing.waited,
        "pictures": timing.drawing,
        "checkpoints": timing.saving,
        "evaluations": timing.evaluating,
    }
    parts = {name: seconds for name, seconds in known.items() if seconds is not None}
    steps = max(timing.seconds - sum(parts.values()), 0.0)
    missing = [name for name in known if name not in parts]
    parts = {**_within(steps, timing.turns or {}, missing), **parts}
    if timing.finishing is not None:
        parts["end of the run: last evaluation, figures, model folder"] = timing.finishing
    whole = sum(parts.values()) or 1.0
    shown = {name: seconds for name, seconds in parts.items() if seconds >= LEAST * whole}
    return [TimeShare(name, duration(seconds), seconds / whole) for name, seconds in shown.items()]


def _within(steps: float, turns: Mapping[str, float], missing: Sequence[str]) -> dict[str, float]:
    """Return the seconds of the steps by phase and action, and the rest, which also has what is missing elsewhere."""
    others = ", and " + ", ".join(missing) if missing else ""
    if not turns:
        return {f"phases and actions of the steps{others}": steps}
    measured = sum(turns.values())
    scale = min(1.0, steps / measured) if measured > 0 else 1.0
    rest = max(steps - scale * measured, 0.0)
    return {**{f"steps: {name}": scale * seconds for name, seconds in turns.items()}, f"steps: the rest{others}": rest}
