"""The callbacks of a run: one list, in the order in which they act after each step.

    log, draw, save            make the line, the pictures and the checkpoint of a step
    [callbacks], [track], ...  callbacks from outside, each behind a guard: they take what has been made
    stop on a signal           once the state is saved
    evaluate                   on the state that has just been saved

The callbacks of genkit act on every process and call collective operations, in this order. Those from outside act on
the main process only, without any collective operation, so the others cannot wait for them in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from genkit.core.callback import Callback
from genkit.core.result import Result
from genkit.runs.on_disk.early_end import EarlyEnd, early_end_of, save_early_end
from genkit.runs.training.checkpoint_during_training import CheckpointWriter, SignalStop
from genkit.runs.training.draw_during_training import PictureDrawer
from genkit.runs.training.evaluate_during_training import Evaluator
from genkit.runs.training.guarded_callback import GuardedCallback
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.log_during_training import StepLogger
from genkit.runs.training.run_view import OpenRun

SPENDING = {PictureDrawer: "drawing", Evaluator: "evaluating"}  # names of `timing.SPENT`


class CallbackList:
    """All callbacks of a run on this process. Each method calls that of every callback, in order."""

    def __init__(self, run: LiveRun, outside: Sequence[GuardedCallback], stop: Callable[[], bool]):
        """`outside` are the callbacks that this process was given; `stop` returns whether a signal has asked to stop.

        Only the main process calls those in `outside`; the others need them to know whether one may stop the run.
        """
        self._run = run
        self._outside = outside if run.world.is_main else ()
        writer = CheckpointWriter(run, self._tell)
        self._stopwatch = writer.stopwatch
        makers = [StepLogger(run, self._tell), PictureDrawer(run, self._tell), writer]
        self._all: list[Callback] = [
            *makers,
            *self._outside,
            SignalStop(run, writer, stop),
            Evaluator(run, self._tell),
        ]
        self._may_stop = run.world.any(any(callback.may_stop for callback in outside))
        self._end = run.world.on_main(lambda: early_end_of(run.folder))  # of a run that was killed after it had stopped

    def started(self) -> None:
        """Begin, at step 0 or at a checkpoint: an unfinished evaluation is repeated."""
        self._each("started", OpenRun(self._run))

    def stepped(self) -> None:
        """Act after a step."""
        self._each("stepped", self._run.state.step)

    def has_stopped(self) -> bool:
        """Return on every process whether a callback has stopped the run after the current step."""
        run = self._run
        if run.state.step == run.plan.steps:
            return False
        if self._end is not None:
            return True
        return self._may_stop and run.world.any(any(callback.stop for callback in self._outside))

    def stopped(self) -> None:
        """End the run here: record it, so that a resume does not train on, and make what a last step has."""
        end = self._run.world.on_main(self._record_end)
        self._each("stopped", end.step, end.reason)

    def failed(self) -> None:
        """Save what has been trained before a step that failed."""
        self._each("failed", self._run.state.step)

    def finished(self, results: Sequence[Result]) -> None:
        """Pass on the metrics of the run."""
        self._each("finished", self._run.state.step, results)

    def close(self) -> None:
        """Close all callbacks."""
        self._each("closed")

    def _each(self, method: str, *arguments: Any) -> None:
        for callback in self._all:
            with self._stopwatch.spending(SPENDING.get(type(callback))):
                getattr(callback, method)(*arguments)
        for outside in self._outside:
            outside.hear()  # what callbacks after it have made: the evaluation

    def _tell(self, method: str, *arguments: Any) -> None:
        for callback in self._outside:
            callback.tell(method, *arguments)

    def _record_end(self) -> EarlyEnd:
        if self._end is None:
            reason = next(callback.stop for callback in self._outside if callback.stop)
            self._end = EarlyEnd(self._run.state.step, reason)
            save_early_end(self._run.folder, self._end)
        return self._end
