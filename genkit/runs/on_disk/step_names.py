"""Names of the files and folders of a run that belong to one step, such as ``step-00001000``."""

from __future__ import annotations

import re
from pathlib import Path

from genkit.storage.listing import names_in


def name_of_step(step: int) -> str:
    """Return the name of a step: that of its checkpoint, and the beginning of that of its other files."""
    return f"step-{step:08d}"


def step_in(name: str, ending: str) -> int | None:
    """Return the step in a name such as ``step-00001000.npy``; None if it has another ending, a regular expression."""
    found = re.fullmatch(rf"step-(\d{{8,18}}){ending}", name)
    return int(found[1]) if found else None


def steps_in(checkpoints: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, in ascending order. Raises `UsageError`."""
    return [step for name in names_in(checkpoints) if (step := step_in(name, "")) is not None]
