"""Callbacks from outside the engine, each behind a guard: whatever one of them does, the run goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from traceback import walk_tb
from typing import Any

from genkit.core.callback import Callback, RunView, StopTraining
from genkit.core.result import Result
from genkit.core.torch_defaults import changed_defaults, reset_defaults
from genkit.part_code import line_of_part
from genkit.recipe.installed.registry import FAILURES

Report = Callable[[str], object]  # takes the message about a callback that failed
MAY_NOT_STOP = "it raised StopTraining, which only a callback with `stops: ClassVar[bool] = True` may raise"


class GuardedCallback(Callback):
    """A callback that is dropped after its first error, which `report` takes. Ctrl-C is no error of the callback.

    `tell` stores what callbacks after this one have made. This callback takes it before its next method is called.
    """

    def __init__(self, callback: Callback, name: str, report: Report):
        self._callback, self._name, self._report = callback, name, report
        self._news: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._is_open = self._dropped = False
        self.may_stop = type(callback).stops
        self.stop = ""  # why the callback has asked to stop the run; empty if it has not

    def tell(self, method: str, *arguments: Any) -> None:
        """Store a call that is due when it is this callback's turn."""
        self._news.append((method, arguments))

    def hear(self) -> None:
        """Make the calls that `tell` has stored."""
        while self._news:
            method, arguments = self._news.popleft()
            self._call(method, *arguments)

    def started(self, run: RunView) -> None:
        """Begin, then take what callbacks before this one have made."""
        self._is_open = True
        self._call("started", run)
        self.hear()

    def stepped(self, step: int) -> None:
        """Take what the step has made, then the step."""
        self.hear()
        self._call("stepped", step)

    def stopped(self, step: int, reason: str) -> None:
        """Take the end of the run, then what it has made."""
        self._call("stopped", step, reason)
        self.hear()

    def failed(self, step: int) -> None:
        """Take the failure, then what it has made."""
        self._call("failed", step)
        self.hear()

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Pass on the metrics."""
        self._call("finished", step, results)

    def closed(self) -> None:
        """Take what is left, then close; also after an error."""
        if self._is_open:
            self.hear()
            self._call("closed", even_if_dropped=True)

    def _call(self, method: str, *arguments: Any, even_if_dropped: bool = False) -> None:
        if getattr(type(self._callback), method) is getattr(Callback, method):
            return  # not implemented, which most methods are
        if self._dropped and not even_if_dropped:
            return
        try:
            getattr(self._callback, method)(*arguments)
            if changed := changed_defaults():
                reset_defaults()
                raise TypeError(f"it sets {' and '.join(changed)}, for all of this process")
        except StopTraining as stop:
            if self.may_stop:
                self.stop = self.stop or f"{self._name}: {stop}"
            else:
                self._drop(method, MAY_NOT_STOP, stop)
        except FAILURES as error:
            self._drop(method, f"{type(error).__name__}: {error}", error)

    def _drop(self, method: str, text: str, error: BaseException) -> None:
        if self._dropped:  # reported already
            return
        self._dropped = True
        line = line_of_part(walk_tb(error.__traceback__))
        place = f", {line}" if line else ""
        self._report(f"{self._name} failed in `{method}`, and the run goes on without it ({text}{place}).")
