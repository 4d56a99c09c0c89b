"""Progress of counted work without a terminal: a plain line every few seconds, for the log of a job."""

from __future__ import annotations

import time
from collections.abc import Callable


class CountLines:
    """Writes ``scoring pictures  1,280/5,000, 31 s left`` when the last line is old enough; nothing for short work."""

    def __init__(
        self,
        write: Callable[[str], None],
        what: str,
        total: int | None,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Start the clock.

        Args:
            write: Writes a line.
            what: The work.
            total: The number of items; None if nobody knows it.
            seconds: The least time between two lines, and before the first one.
            clock: Returns the time in seconds.
        """
        self._write, self._what, self._total, self._seconds, self._clock = write, what, total, seconds, clock
        self._start = self._last = clock()
        self._done = 0

    def __call__(self, done: int) -> None:
        """Count items that are done now."""
        self._done += done
        now = self._clock()
        if now - self._last < self._seconds:
            return
        self._last = now
        if self._total is None:
            self._write(f"{self._what}  {self._done:,}, {now - self._start:.0f} s so far")
            return
        rate = self._done / (now - self._start)
        left = f", {(self._total - self._done) / rate:.0f} s left" if rate and self._done < self._total else ""
        self._write(f"{self._what}  {self._done:,}/{self._total:,}{left}")
