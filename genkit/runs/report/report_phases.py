"""Where the phases of a run start, as labels of its charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genkit.core.loss import Phase
from genkit.recipe.trial.late_turns import first_step
from genkit.runs.report.curves import is_schedule

Bounds = tuple[int, int]  # a step after which a phase starts, and one in which it has started


def phase_starts(lines: Sequence[Mapping[str, Any]], phases: Sequence[Phase] = ()) -> dict[str, float]:
    """Return the step after which each phase starts that starts after the others, by a label for a chart.

    `phases` are those of the plan. Without a plan that agrees with the log, it is the last logged step before the
    phase, which starts between this line of the log and the next, so the label says both steps.
    """
    bounds = _bounds(lines)
    first = {phase.name: first_step(phase) for phase in phases}
    exact = {name: (start, start + 1) for name in bounds if (start := first.get(name)) is not None}
    agrees = all(name in exact and before <= exact[name][0] < after for name, (before, after) in bounds.items())
    starts = exact if agrees else bounds
    begin = min(starts.values(), default=(0, 0))
    together: dict[Bounds, list[str]] = {}
    for name, steps in starts.items():
        together.setdefault(steps, []).append(name)
    return {f"{', '.join(names)} {_between(*steps)}": steps[0] for steps, names in together.items() if steps > begin}


def _bounds(lines: Sequence[Mapping[str, Any]]) -> dict[str, Bounds]:
    """Return the steps of the lines of a log around the start of each phase, by its name."""
    found: dict[str, Bounds] = {}
    before = 0
    for line in lines:
        for key in line:
            if "/" in key and not is_schedule(key):
                found.setdefault(key.split("/", 1)[0], (before, line["step"]))
        before = line["step"]
    return found


def _between(before: int, after: int) -> str:
    return f"after step {before}" if after - before == 1 else f"from step {before}–{after}"
