"""Pickling of data sets: only their keys are sent to another process, which reads the data itself."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class KeysOnly:
    """A frozen dataclass whose cached values, such as arrays and open files, stay in the process that made them.

    Worker processes that are not forked, as on macOS and Windows, receive a pickled data set.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields without what has been cached beside them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
