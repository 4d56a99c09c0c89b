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

        Raises `UsageError` if another process holds the lock, or if a file of the folder cannot be written.
        """
        lock = FileLock(self.path / ".lock")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.path}: in use by another `genkit tune`. Wait until it ends, or stop it.") from None
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            yield
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> UsageError:
        place = Path(error.filename or self.path)
        return UsageError(f"{place}: cannot be written: {describe_os_error(error, place)}. {REMEDY}")
