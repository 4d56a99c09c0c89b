"""Outcome of what the main process did, for all processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genkit.errors import GenkitError


@dataclass(frozen=True)
class Outcome:
    """A result, or the `GenkitError` that was raised in its place."""

    result: Any = None
    error: GenkitError | None = None

    @classmethod
    def of(cls, do: Callable[[], Any]) -> Outcome:
        """Call `do` and return its outcome. Raises what is no `GenkitError`: this process then ends, and so do all."""
        try:
            return cls(do())
        except GenkitError as error:
            return cls(error=error)

    def get(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result
