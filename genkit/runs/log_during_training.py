"""Logging during training: which steps get a line in metrics.jsonl, and what the line holds.

`genkit.runs.trackers` sends the lines to TensorBoard and other trackers.
"""

from __future__ import annotations

import torch

from genkit.engine.loop import StepRecord
from genkit.runs.run import Run

Line = dict[str, float]


class StepLogger:
    """Appends a line to metrics.jsonl every `report.log_every` steps and after the last step."""

    def __init__(self, run: Run):
        self._run = run

    def after_step(self, record: StepRecord) -> Line | None:
        """Log the step if it is due, and return its line. Raises `Diverged`."""
        run = self._run
        if not run.is_due(record.step, run.plan.recipe.report.steps_between_lines(run.plan.steps)):
            return None
        run.check_finite()
        line = line_of(run, record)
        if run.world.is_main:
            run.folder.append(line)
        return line


def line_of(run: Run, record: StepRecord) -> Line:
    """Return the terms of a step, averaged over all processes, and the values of schedules and learning rates."""
    values = run.world.mean(torch.stack([value.double() for value in record.terms.values()])).tolist()
    t = (record.step - 1) / run.plan.steps
    schedules = {f"schedule/{key}": schedule(t) for key, schedule in run.plan.dry_run.schedules.items()}
    rates = {f"lr/{child}": optimiser.lr(t) for child, optimiser in run.plan.optimisers.items()}
    return {"step": record.step, "t": t, **dict(zip(record.terms, values, strict=True)), **schedules, **rates}
