"""Record of a training that has failed: failed.json in the run folder, until the run is resumed.

A resume goes on from the newest checkpoint with and without it. It distinguishes a failed run from one that was
stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from genkit.errors import Diverged, Interrupted, UsageError, reason_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.json_tables import read_table
from genkit.storage.os_errors import unreadable
from genkit.storage.text_files import write_json

if TYPE_CHECKING:
    from genkit.runs.training.live_run import LiveRun


@dataclass(frozen=True)
class Failure:
    """The last step before a failure, and the error."""

    step: int
    reason: str
    diverged: bool | None = None  # whether a resume would fail again; None in a record of an earlier version


def failure_of(folder: RunFolder) -> Failure | None:
    """Return why the training of a run has failed; None if it has not. Raises `UsageError` if the file is damaged."""
    try:
        facts = read_table(folder.failed, {"step": int, "reason": str}, {"diverged": bool})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder.failed, error) from None
    except ValueError as error:
        raise UsageError(f"{folder.failed}: damaged ({error}). Delete it: no result depends on it.") from None
    return Failure(facts["step"], facts["reason"], facts.get("diverged"))


@contextmanager
def recording_failure(run: LiveRun) -> Iterator[None]:
    """Record an error of the block. The main process does so.

    A run that was asked to stop has not failed, nor has one whose call is wrong: nothing was trained then.
    """
    try:
        yield
    except (Interrupted, UsageError):
        raise
    except Exception as error:
        if run.world.is_main:
            with suppress(OSError):  # the disk may be full, and the error of the block says more
                failure = Failure(run.state.step, reason_of(error), isinstance(error, Diverged))
                write_json(run.folder.failed, asdict(failure))
        raise
