"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genkit.console.quantities import duration
from genkit.runs.timing import Timing


@dataclass(frozen=True)
class TimeShare:
    """One kind of work, with its time and its share of the whole."""

    name: str
    time: str
    share: float  # in [0, 1]


def time_shares(timing: Timing | None) -> Sequence[TimeShare]:
    """Return what the time was spent on; empty if it is not known. What an older file does not know is in the steps."""
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
    label = f"phases and actions of the steps{', and ' + ', '.join(missing) if missing else ''}"
    parts = {label: steps, **parts}
    if timing.finishing is not None:
        parts["end of the run: last evaluation, figures, model folder"] = timing.finishing
    whole = sum(parts.values()) or 1.0
    return [TimeShare(name, duration(seconds), seconds / whole) for name, seconds in parts.items()]
