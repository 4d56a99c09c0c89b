"""Record of a run that a callback has stopped before its last step: stopped.json in the run folder.

It is written before the state of that step is drawn, saved and evaluated. So a run that is killed in between stops at
the same step when it resumes, whatever callbacks it then has. A resume from an earlier checkpoint deletes it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.json_tables import read_table
from genkit.storage.os_errors import unreadable
from genkit.storage.text_files import write_json

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan


@dataclass(frozen=True)
class EarlyEnd:
    """The last step of a run, and which callback has stopped it, and why."""

    step: int
    reason: str


def early_end_of(folder: RunFolder) -> EarlyEnd | None:
    """Return where a callback has stopped the run; None if none has. Raises `UsageError` if the file is damaged."""
    try:
        facts = read_table(folder.stopped, {"step": int, "reason": str})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder.stopped, error) from None
    except ValueError as error:
        raise UsageError(f"{folder.stopped}: damaged ({error}). Delete it: a resume then decides again.") from None
    return EarlyEnd(facts["step"], facts["reason"])


def save_early_end(folder: RunFolder, end: EarlyEnd) -> None:
    """Write the record. Raises `OSError`."""
    write_json(folder.stopped, asdict(end))


def cut_back_early_end(folder: RunFolder, step: int) -> None:
    """Delete the record of a step after `step`. Raises `UsageError`, `OSError`."""
    if (end := early_end_of(folder)) is not None and end.step > step:
        folder.stopped.unlink()


def last_step(plan: Plan, folder: RunFolder) -> int:
    """Return the last step of a run: that of its recipe, unless a callback has stopped it before."""
    end = early_end_of(folder)
    return plan.steps if end is None else end.step
