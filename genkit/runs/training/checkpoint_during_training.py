"""Checkpoints during training: when a checkpoint is written, and which ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genkit.core.callback import Callback
from genkit.core.result import Result
from genkit.errors import Interrupted
from genkit.runs.on_disk.class_facts import facts_of_classes
from genkit.runs.on_disk.timing import Stopwatch
from genkit.runs.on_disk.trained_recipe import recipe_of_weights
from genkit.runs.training import checkpoint
from genkit.runs.training.evaluate_during_training import is_evaluation_due
from genkit.runs.training.live_run import LiveRun, Tell


class CheckpointWriter(Callback):
    """Writes a checkpoint every `checkpoint.every` steps, before an evaluation, on a signal, and after the last step.

    It also saves what has been trained if the next step fails.

    An evaluation therefore runs on a state that has just been saved: a run that is killed repeats the unfinished
    evaluation when it resumes.
    """

    def __init__(self, run: LiveRun, tell: Tell):
        self._run, self._tell = run, tell
        self.stopwatch = Stopwatch(run)
        self.newest = run.state.step  # the step of the newest checkpoint; 0: none, or none is needed

    def stepped(self, step: int) -> None:
        """Write a checkpoint if one is due. Raises `Diverged`."""
        run = self._run
        self.stopwatch.observe(run.watch.newest)
        due = run.is_due(step, run.plan.recipe.checkpoint.every) or is_evaluation_due(run.plan, step)
        if due or run.watch.newest.stopping:
            self._save()

    def stopped(self, step: int, reason: str) -> None:
        """Write the last checkpoint, unless the step has one. Raises `Diverged`."""
        if self.newest != step:
            self._save()

    def failed(self, step: int) -> None:
        """Write a checkpoint of the last whole step, unless it has one. Raises `Diverged`."""
        self.stopped(step, "")

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Write how long the end of the run took."""
        self._run.world.on_main(self.stopwatch.finish)

    def _save(self) -> None:
        """Write a checkpoint of finite weights, and delete all but the newest `checkpoint.keep`. Raises `Diverged`."""
        run, step = self._run, self._run.state.step
        run.check_finite()
        self.newest = step
        run.world.on_main(self._write)
        self._tell("saved", step, run.folder.checkpoint(step))

    def _write(self) -> None:
        run = self._run
        facts = {
            "data": run.plan.data_fingerprint,
            **facts_of_classes(run.plan.class_facts),
            "data_shape": list(run.plan.data.shape),
            "recipe": recipe_of_weights(run.plan),
            "parts": run.plan.owners,
            "lines": {log.path.name: log.count() for log in run.folder.logs},
        }
        with self.stopwatch.spending("saving"):
            checkpoint.save(run.state, run.folder.checkpoint(run.state.step), facts)
            run.folder.keep_newest(run.plan.recipe.checkpoint.keep)
        self.stopwatch.save()


class SignalStop(Callback):
    """Ends the run after a signal, once the state is saved and reported, and before an evaluation."""

    def __init__(self, run: LiveRun, writer: CheckpointWriter, stop: Callable[[], bool]):
        self._run, self._writer, self._stop = run, writer, stop

    def stepped(self, step: int) -> None:
        """Raise `Interrupted` on every process if a signal has come to one. Drawing and saving may have taken long."""
        run = self._run
        if self._writer.newest == step and run.world.any(self._stop()):
            raise Interrupted(f"stopped after step {step} of {run.plan.steps}; the state is saved.")
