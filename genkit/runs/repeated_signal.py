"""A signal that this process sends itself again, because it came when it could not be obeyed."""

from __future__ import annotations

import os
import threading
import time
from types import FrameType

SECONDS_TO_SEND = 0.001


class RepeatedSignal:
    """A signal that this process sends itself some seconds after `start`.

    A handler of signals calls `start`, which may interrupt any other method, so `start` takes no lock of this object.
    """

    def __init__(self) -> None:
        self.is_due = False  # the next signal is this one
        self._over = threading.Event()
        self._turn = 0
        self._sending: set[int] = set()  # the turns whose threads may send at this moment

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more."""
        return self._over.is_set()

    def start(self, number: int, seconds: float) -> None:
        """Send the signal `number` after this time, in place of one that has not been sent yet."""
        self._turn += 1
        threading.Thread(target=self._send, args=(number, seconds, self._turn), daemon=True).start()

    def stop(self) -> None:
        """Send nothing more. What has been sent has reached its handler when this returns."""
        self._over.set()
        while self._sending:
            time.sleep(SECONDS_TO_SEND)

    def _send(self, number: int, seconds: float, turn: int) -> None:
        self._over.wait(seconds)
        self._sending.add(turn)  # before it looks: either it sees the end, or `stop` sees this
        try:
            if turn == self._turn and not self.is_over:
                self.is_due = True
                os.kill(os.getpid(), number)
        finally:
            self._sending.discard(turn)


def imports_within(frame: FrameType | None) -> int:
    """Return how many modules of others are half imported at this frame; more within an import than around it.

    genkit's own are not counted: they let an interrupt pass, and Python then forgets them.
    """
    found = 0
    while frame is not None:
        of_genkit = str(frame.f_globals.get("__name__", "")).partition(".")[0] == "genkit"
        found += frame.f_code.co_name == "<module>" and not of_genkit
        frame = frame.f_back
    return found
