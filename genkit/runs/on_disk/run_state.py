"""State of a run: whether it is running, finished, incomplete, stopped or failed. No other module decides this.

    running       a process holds the lock of the run folder
    finished      final/ is complete
    failed        failed.json says why the last training ended
    incomplete    the last step is saved, and final/ is not complete: a resume trains nothing and writes it
    not started   no step is logged or saved: a resume starts from step 0
    stopped       anything else: interrupted, or killed

The first that holds is the state. It does not depend on the clock. `genkit ls` and reports describe a state in the same
words, those of `in_words`.
"""

from __future__ import annotations

from enum import StrEnum

from genkit.runs.on_disk.failure import Failure
from genkit.runs.on_disk.resolved_recipe import tables_of_run
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_lock import is_locked
from genkit.runs.on_disk.run_progress import RunProgress, progress_of
from genkit.storage.listing import exists

# What a value of a wrong type or range in a file of a run leads to, where it is used.
STRANGE_VALUE = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError)


class RunState(StrEnum):
    """State of a run. A damaged one has files that cannot be read, which `genkit ls` reports."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    STOPPED = "stopped"
    NOT_STARTED = "not started"
    DAMAGED = "damaged"


def state_of(folder: RunFolder) -> RunState:
    """Return the state of a run, without waiting for a lock. Raises `UsageError` if its files cannot be read."""
    return RunState.RUNNING if is_locked(folder.path) else unlocked_state_of(folder)


def unlocked_state_of(folder: RunFolder) -> RunState:
    """Return the state that a run has when no process trains it. Raises `UsageError` if its files cannot be read."""
    if folder.finished:
        return RunState.FINISHED
    if exists(folder.failed):
        return RunState.FAILED
    progress = progress_of(folder, tables_of_run(folder.resolved))
    if progress.all_saved:
        return RunState.INCOMPLETE
    return RunState.STOPPED if progress.step or progress.saved is not None else RunState.NOT_STARTED


def in_words(state: RunState, progress: RunProgress, failure: Failure | None) -> str:
    """Return what a state means for a run with this progress; empty for a finished or a damaged one."""
    length = "" if progress.last is None else f" of {progress.last}"
    match state:
        case RunState.RUNNING:
            return f"a process trains it; step {progress.step}{length} is logged or saved"
        case RunState.FAILED if failure is not None:
            return failure.reason
        case RunState.INCOMPLETE:
            return (
                f"all {progress.last} steps are trained, but final/, the model folder, is missing or incomplete; "
                f"`genkit resume` evaluates and writes it from the checkpoint of step {progress.saved}"
            )
        case RunState.STOPPED:
            return f"after step {progress.step}{length}; `genkit resume` {_whence(progress)}"
        case RunState.NOT_STARTED:
            return "no step is logged or saved; `genkit resume` starts it"
        case _:
            return ""


def _whence(progress: RunProgress) -> str:
    if progress.saved is None:
        return "starts again from step 0, because there is no checkpoint"
    return f"continues from the checkpoint of step {progress.saved}"
