"""Switch for a change of how networks run, such as mixed precision: on, except within a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Switch:
    """Base class of what is on, except within `off()`."""

    def __init__(self) -> None:
        self.switched_on = True

    @contextmanager
    def off(self) -> Iterator[None]:
        """Run the block with the networks as they are written, in this respect."""
        before, self.switched_on = self.switched_on, False
        try:
            yield
        finally:
            self.switched_on = before
