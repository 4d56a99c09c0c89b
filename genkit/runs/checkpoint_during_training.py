"""Checkpoints during training: when a checkpoint is written, and which ones are kept."""

from __future__ import annotations

from genkit.engine.loop import StepRecord
from genkit.runs import checkpoint
from genkit.runs.evaluate_during_training import is_evaluation_due
from genkit.runs.run import Run
from genkit.runs.timing import Stopwatch
from genkit.runs.trained_recipe import recipe_of_weights


class CheckpointWriter:
    """Writes a checkpoint every `checkpoint.every` steps, before every evaluation, on a stop, and after the last step.

    `genkit.runs.train` also saves if the data of the next step cannot be read.

    An evaluation therefore runs on a state that has just been saved: a run that is killed repeats the unfinished
    evaluation when it resumes.
    """

    def __init__(self, run: Run):
        self._run, self._stopwatch = run, Stopwatch(run)

    def after_step(self, record: StepRecord, *, stopping: bool) -> bool:
        """Write a checkpoint if one is due, and return whether it was. Raises `Diverged`."""
        run = self._run
        due = run.is_due(record.step, run.plan.recipe.checkpoint.every)
        due = due or stopping or is_evaluation_due(run.plan, record.step)
        if due:
            self.save()
        return due

    def save(self) -> None:
        """Write a checkpoint of finite weights, and delete all but the newest `checkpoint.keep`. Raises `Diverged`."""
        run = self._run
        run.check_finite()
        if run.world.is_main:
            facts = {
                "data": run.plan.data_fingerprint,
                "data_shape": list(run.plan.data.shape),
                "recipe": recipe_of_weights(run.plan),
                "parts": run.plan.owners,
                "lines": {log.path.name: log.count() for log in run.folder.logs},
            }
            checkpoint.save(run.state, run.folder.checkpoint(run.state.step), facts)
            run.folder.keep_newest(run.plan.recipe.checkpoint.keep)
            self._stopwatch.save()
