"""State of a run: whether it is running, stopped, finished or failed. No other module decides this.

    running       a process holds the lock of the run folder
    finished      final/ is complete
    failed        failed.json says why the last training ended
    not started   no step is logged or saved: a resume starts from step 0
    stopped       anything else: interrupted, or killed

The first that holds is the state. It does not depend on the clock.
"""

from __future__ import annotations

from enum import StrEnum

from genkit.runs.run_folder import RunFolder
from genkit.runs.run_lock import is_locked
from genkit.storage.listing import exists


class RunState(StrEnum):
    """State of a run. A damaged one has files that cannot be read, which `genkit ls` reports."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_STARTED = "not started"
    DAMAGED = "damaged"


def state_of(folder: RunFolder) -> RunState:
    """Return the state of a run, without waiting for a lock. Raises `UsageError` if its files cannot be read."""
    if is_locked(folder.path):
        return RunState.RUNNING
    if folder.finished:
        return RunState.FINISHED
    if exists(folder.failed):
        return RunState.FAILED
    started = bool(folder.saved_steps()) or folder.step_log.last() is not None
    return RunState.STOPPED if started else RunState.NOT_STARTED
