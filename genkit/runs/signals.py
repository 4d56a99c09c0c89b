"""Handling of signals that ask a command to stop: during training, and while metrics are computed.

Ctrl-C, SIGTERM and SIGHUP (a terminal that closes); SIGUSR1, SIGUSR2 and SIGXCPU, with which cluster schedulers such as
SLURM and Grid Engine announce the end of a job. SIGQUIT (Ctrl-backslash) stays as it is: it ends a process at once.

A launcher sends SIGTERM to its processes after the terminal has sent Ctrl-C to all of them, so only a second Ctrl-C
counts as a second request. Python delivers signals to the main thread only; in other threads both context managers do
nothing.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import currentframe
from types import FrameType

from genkit.errors import GenkitError, Interrupted
from genkit.launched import STOP
from genkit.runs.repeated_signal import RepeatedSignal, imports_within

Handler = Callable[[int, FrameType | None], None]

SECONDS_UNTIL_AGAIN = 2.0  # enough to clean up after an interrupt
SECONDS_BETWEEN_LOOKS = 0.05  # at an import that a request waits for

_of_open_blocks: list[list[int]] = []  # the signals that each open block has received, the outermost block first


def heeded_signals() -> list[signal.Signals]:
    """Return the signals that stop a command and that this process does not ignore.

    A signal that is ignored stays ignored: `nohup` ignores SIGHUP so that a command outlives its terminal.
    """
    return [number for number in STOP if signal.getsignal(number) is not signal.SIG_IGN]


def ignore_requests() -> None:
    """Ignore all further requests: this process ends anyway, with an exit code that tells why."""
    if threading.current_thread() is threading.main_thread():
        for number in STOP:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_requested(hurry: bool = True) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a stop was requested; with `hurry`, a second Ctrl-C raises at once.

    Raises `KeyboardInterrupt` at the end of the block if a stop was requested and nobody has asked since. If the block
    raises `Interrupted`, because of a request to this process or to another one, the launcher's request may still
    come: blocks around this one take it for the same.
    """
    received: list[int] = []
    noticed = False

    def note(number: int, frame: FrameType | None) -> None:
        if hurry and number == signal.SIGINT and signal.SIGINT in received:
            raise KeyboardInterrupt
        received.append(number)

    def requested() -> bool:
        nonlocal noticed
        noticed = bool(received)
        return noticed

    with _handling(note, received):
        try:
            yield requested
        except Interrupted:
            received.append(signal.SIGTERM)
            raise
    if received and not noticed:
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for SIGTERM as for Ctrl-C, so that both end with a message about the next command.

    The first request waits until a library is imported: half of a module lets later imports fail, with errors that
    have nothing to do with their cause. A second Ctrl-C does not wait.

    Python drops an exception that a finaliser or a callback of a weak reference raises, and so do libraries that try an
    import and go on without it. So if nothing handles the interrupt a moment later and the block goes on, it is raised
    again. An error other than genkit's that follows an interrupt is taken for its consequence.
    """
    received: list[int] = []
    again = RepeatedSignal()
    around, waits, has_raised = imports_within(currentframe()), False, False

    def obey(number: int, frame: FrameType | None) -> None:
        nonlocal waits, has_raised
        if again.is_due:
            again.is_due = False
            if again.is_over or is_stopping():
                return
        elif number == signal.SIGINT or not received:
            received.append(number)
        else:
            return
        waits = len(received) == 1 and imports_within(frame) > around
        again.start(number, SECONDS_BETWEEN_LOOKS if waits else SECONDS_UNTIL_AGAIN)
        if not waits:
            has_raised = True
            raise KeyboardInterrupt

    with _handling(obey, received), _dropped_without_words():
        try:
            yield
        except Exception as error:
            is_consequence = has_raised or received.count(signal.SIGINT) > 1 or is_stopping(error)
            if isinstance(error, GenkitError) or not is_consequence:
                raise
            raise KeyboardInterrupt from None
        finally:
            again.stop()
        if waits:
            raise KeyboardInterrupt


@contextmanager
def _dropped_without_words() -> Iterator[None]:
    """Print no traceback for an interrupt that Python drops; it is raised again a moment later."""
    before = sys.unraisablehook

    def print_all_others(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            before(dropped)

    sys.unraisablehook = print_all_others
    try:
        yield
    finally:
        sys.unraisablehook = before


def is_stopping(error: BaseException | None = None) -> bool:
    """Return whether an error comes from a request to stop; by default the one that is being handled at this moment."""
    error = error or sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt | Interrupted):
            return True
        error = error.__context__
    return False


@contextmanager
def _handling(handler: Handler, received: list[int]) -> Iterator[None]:
    """Call `handler` for the signals. What a block has received, the block around it has received, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in heeded_signals()}
    _of_open_blocks.append(received)
    try:
        yield
    finally:
        _of_open_blocks.pop()
        for around in _of_open_blocks[-1:]:
            around.extend(received)
        for number, old in before.items():
            signal.signal(number, old)
