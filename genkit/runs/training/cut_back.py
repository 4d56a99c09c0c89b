"""What a resume deletes: everything of the steps after its checkpoint, which it makes again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from genkit.errors import UsageError
from genkit.runs.on_disk.early_end import cut_back_early_end
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_lock import HOW_TO_WRITE
from genkit.runs.on_disk.step_names import step_in
from genkit.storage.listing import names_in
from genkit.storage.os_errors import describe_os_error


def cut_back(folder: RunFolder, step: int, keep: int) -> None:
    """Delete the lines, pictures, rows and best weights of all steps after `step`, and the record of a later end
    or of a failure.

    Also delete what a killed process left: an incomplete checkpoint, and all but the newest `keep` checkpoints.
    Raises `UsageError` if a log is damaged or a file cannot be written.
    """
    try:
        for log in folder.logs:
            log.cut_back(step)
        cut_back_early_end(folder, step)
        folder.failed.unlink(missing_ok=True)
        _cut_back_pictures_and_weights(folder, step)
        folder.keep_newest(keep)
        for name in names_in(folder.checkpoints):
            if re.fullmatch(r"\.step-\d+\.partial", name):
                shutil.rmtree(folder.checkpoints / name)
    except OSError as error:
        place = Path(error.filename or folder.path)
        reason = describe_os_error(error, place)
        raise UsageError(f"{place}: cannot be written: {reason}. {HOW_TO_WRITE}") from None


def _cut_back_pictures_and_weights(folder: RunFolder, step: int) -> None:
    if (best := step_of(folder.best)) is not None and best > step:
        shutil.rmtree(folder.best)
    for place, ending in ((folder.samples, r"(-.*)?\.png"), (folder.strip, r"\.npy")):
        for name in names_in(place):
            if (drawn := step_in(name, ending)) is not None and drawn > step:
                (place / name).unlink()
