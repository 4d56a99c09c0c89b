"""The steps of a run. If one fails before it has changed weights, what has been trained is saved first."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

from genkit.engine.loop import StepRecord, train_steps
from genkit.errors import PartFailed, RunError, UsageError
from genkit.runs.training.callback_list import CallbackList
from genkit.runs.training.live_run import LiveRun


def safe_steps(run: LiveRun, listed: CallbackList, stop: Callable[[], bool], workers: int) -> Generator[StepRecord]:
    """Yield the steps, until a callback stops the run. Raises `RunError` or `PartFailed` if a step fails.

    Raises `UsageError` if the first step cannot read its data: nothing has been trained then.
    """
    first = run.state.step
    try:
        with closing(train_steps(run.plan, run.state, run.world, stop, workers=workers)) as steps:
            while not listed.has_stopped() and (record := next(steps, None)) is not None:
                yield record
    except UsageError as error:
        if run.state.step == first:
            raise
        listed.failed()
        raise RunError(f"{_stopped(run)}: {error}") from error
    except PartFailed as error:
        if run.state.whole and not error.alone and run.state.step > first:  # saving needs all processes
            listed.failed()
        stopped = PartFailed(f"{_stopped(run)}: {error}")
        stopped.alone = error.alone
        raise stopped from error


def _stopped(run: LiveRun) -> str:
    """Return where a run has stopped, and which step a resume continues from."""
    step, saved = run.state.step, run.folder.saved_steps()
    newest = f"the newest checkpoint is of step {saved[-1]}" if saved else "there is no checkpoint yet"
    kept = "the state is saved" if saved and saved[-1] == step else newest
    return f"stopped after step {step} of {run.plan.steps}; {kept}"
