"""What Ctrl-C and SIGTERM do: between two steps of training, and while numbers are computed.

A launcher sends a SIGTERM after the Ctrl-C that the terminal has sent to all, so only a second Ctrl-C is a second wish.
Only the main thread may listen; in others both context managers change nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def stop_requested(hurry: bool = True) -> Iterator[Callable[[], bool]]:
    """Turn both into a question, asked where stopping is good; with `hurry`, a second Ctrl-C is obeyed at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if hurry and number == signal.SIGINT and signal.SIGINT in asked:
            raise KeyboardInterrupt
        asked.append(number)

    with _handling(note):
        yield lambda: bool(asked)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn both into `KeyboardInterrupt`, so that SIGTERM too ends in a word about what to do next."""
    asked: list[int] = []

    def obey(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT or not asked:
            asked.append(number)
            raise KeyboardInterrupt

    with _handling(obey):
        yield


@contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in STOP}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
