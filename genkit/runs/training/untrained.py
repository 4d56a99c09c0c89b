"""A new run that trains nothing leaves no folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from genkit.errors import UsageError
from genkit.runs.on_disk.run_folder import RunFolder


@contextmanager
def nothing_left_if_nothing_is_trained(folder: RunFolder) -> Iterator[None]:
    """Delete the folder of a run that only training finds to be wrong, for example because data cannot be read."""
    try:
        yield
    except (UsageError, SystemExit) as end:
        wrong = isinstance(end, UsageError) or end.code == UsageError.exit_code
        if wrong and not folder.saved_steps() and not folder.lines():
            shutil.rmtree(folder.path)
        raise
