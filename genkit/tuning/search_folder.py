"""The folder of a search.

searches/RECIPE-SPACE/
    trials.journal   the trials, a journal of Optuna; the same command continues from it
    best.toml        the recipe of the best trial
    trials.png       the value of each trial against each key
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

REMEDY = "Choose another folder with --out."


class SearchFolder:
    """Folder of one search. Creating this object neither reads nor writes the folder."""

    def __init__(self, path: Path):
        self.path = path
        self.journal = path / "trials.journal"
        self.recipe = path / "best.toml"
        self.picture = path / "trials.png"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder and lock it for this process, until the block ends; a killed process loses the lock.

        Raises `UsageError` if another process holds the lock, or if the folder cannot be written. Errors of the block
        are left alone: only what writes knows that it could not write.
        """
        lock = FileLock(self.path / ".lock")
        try:
            with refused_if_unwritable(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.path}: in use by another `genkit tune`. Wait until it ends, or stop it.") from None
        try:
            yield
        finally:
            lock.release()


@contextmanager
def refused_if_unwritable(place: Path) -> Iterator[None]:
    """Turn an `OSError` of a block that writes to `place` into a `UsageError`."""
    try:
        yield
    except Timeout:  # an `OSError` too
        raise
    except OSError as error:
        found = Path(error.filename or place)
        raise UsageError(f"{found}: cannot be written: {describe_os_error(error, found)}. {REMEDY}") from error
