"""Logging during training: which steps get a line in metrics.jsonl, and what the line holds.

`genkit.runs.training.trackers` sends the lines to TensorBoard and other trackers.
"""

from __future__ import annotations

import torch

from genkit.core.callback import Callback, RunView
from genkit.engine.loop import StepRecord
from genkit.runs.training.live_run import LiveRun, Tell
from genkit.runs.training.training_remark import TrainingRemark

Line = dict[str, float]


class StepLogger(Callback):
    """Appends a line to metrics.jsonl every `report.log_every` steps and after the last step.

    It also passes on the remark of the loss on these lines.
    """

    def __init__(self, run: LiveRun, tell: Tell):
        self._run, self._tell, self._remark = run, tell, TrainingRemark(run.plan)

    def started(self, run: RunView) -> None:
        """Read the lines up to a checkpoint: their remark has been made."""
        for line in run.lines() if self._run.world.is_main else ():
            self._remark.add(line)

    def stepped(self, step: int) -> None:
        """Log the step if it is due. Raises `Diverged`.

        A step at which a callback stops the run gets no line of its own: a resume at its checkpoint has not its terms.
        """
        run = self._run
        if not run.is_due(step, run.plan.recipe.report.steps_between_lines(run.plan.steps)):
            return
        run.check_finite()
        line = line_of(run, run.watch.newest)
        if run.world.is_main:
            run.folder.append(line)
        self._tell("logged", step, line)
        if run.world.is_main and (remark := self._remark.add(line)) is not None:
            self._tell("remarked", step, remark)


def line_of(run: LiveRun, record: StepRecord) -> Line:
    """Return the terms of a step, averaged over all processes, and the values of schedules and learning rates."""
    values = run.world.mean(torch.stack([value.double() for value in record.terms.values()])).tolist()
    t = (record.step - 1) / run.plan.steps
    schedules = {f"schedule/{key}": schedule(t) for key, schedule in run.plan.dry_run.schedules.items()}
    rates = {f"lr/{child}": optimiser.lr(t) for child, optimiser in run.plan.optimisers.items()}
    return {"step": record.step, "t": t, **dict(zip(record.terms, values, strict=True)), **schedules, **rates}
