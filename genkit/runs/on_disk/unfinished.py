"""How to go on with a run that has not finished, by its state: wait for it, continue it, or start another one."""

from __future__ import annotations

import shlex

from genkit.runs.on_disk.failure import Failure, failure_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState, state_of


def way_on(folder: RunFolder) -> str:
    """Return sentences on how to go on with a run that has not finished. Raises `UsageError` if it cannot be read.

    A resume is refused while a process trains the run. After a failure it helps only if the cause is gone, and a run
    that has diverged diverges again.
    """
    resume = f"`genkit resume {shlex.quote(str(folder.path))}`"
    state, failure = state_of(folder), failure_of(folder)
    if state is RunState.RUNNING:
        return "A process still trains it: wait until it has finished."
    if state is RunState.FAILED and failure is not None:
        return f"It failed after step {failure.step}: {failure.reason.rstrip('.')}. {_after(failure, folder, resume)}"
    return f"Continue it with {resume}."


def _after(failure: Failure, folder: RunFolder, resume: str) -> str:
    new_run = f"with `genkit run {shlex.quote(str(folder.resolved))} --set TABLE.KEY=VALUE`"
    if failure.diverged is None:
        return f"If it diverged, start a new run {new_run}; otherwise remove the cause, and continue it with {resume}."
    if failure.diverged:
        return f"Start a new run {new_run}."
    return f"Remove the cause, and continue it with {resume}."
