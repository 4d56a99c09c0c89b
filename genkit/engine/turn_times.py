"""Time that each phase and action has taken, in seconds.

A GPU computes after the host has gone on, so the host's clock would say when a phase was asked for, not how long it
took. On CUDA, events in the stream of the step mark where each turn begins and ends, and the GPU writes down the times.
They are read when somebody asks, so no step waits for the GPU. On other accelerators nothing is measured.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

MOST_PENDING = 1024  # turns whose events are kept before those that the GPU has passed are summed


class TurnTimes(ABC):
    """Seconds of phases and actions by name, since this object was made. The base class adds them up."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @abstractmethod
    def of(self, name: str) -> Any:
        """Return a context: the time of its block is that of the turn `name`. A block that raises is not counted."""

    @abstractmethod
    def seconds(self) -> Mapping[str, float] | None:
        """Return the seconds by name; None where they are not measured. It waits for turns that still run."""

    def _add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds


class HostTurnTimes(TurnTimes):
    """Times by the clock of the host, which on a CPU does the work itself."""

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = time.perf_counter()
        yield
        self._add(name, time.perf_counter() - start)

    def seconds(self) -> Mapping[str, float]:
        """Return the seconds by name."""
        return dict(self._seconds)


class StreamTurnTimes(TurnTimes):
    """Times between events in the stream of a device, such as those of `torch.cuda.Event(enable_timing=True)`."""

    def __init__(self, new_event: Callable[[], Any], stream: Callable[[], Any]) -> None:
        """`new_event` makes an event, and `stream` returns the stream in which the steps are computed."""
        super().__init__()
        self._new_event, self._stream = new_event, stream
        self._pending: deque[tuple[str, Any, Any]] = deque()  # in the order of the stream
        self._free: list[Any] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Record events around a block, and sum those that the device has passed if there are many."""
        start, end = self._event(), self._event()
        start.record(self._stream())
        yield
        end.record(self._stream())
        self._pending.append((name, start, end))
        if len(self._pending) > MOST_PENDING:
            self._sum_passed()

    def seconds(self) -> Mapping[str, float]:
        """Wait for the last event, and return the seconds by name."""
        if self._pending:
            self._pending[-1][2].synchronize()
            self._sum_passed()
        return dict(self._seconds)

    def _event(self) -> Any:
        return self._free.pop() if self._free else self._new_event()

    def _sum_passed(self) -> None:
        while self._pending and self._pending[0][2].query():
            name, start, end = self._pending.popleft()
            self._add(name, start.elapsed_time(end) / 1000)  # milliseconds
            self._free += [start, end]


class NoTurnTimes(TurnTimes):
    """No times, for a device whose times cannot be measured without waiting for it."""

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Run a block."""
        yield

    def seconds(self) -> None:
        """Return None."""
        return None


def turn_times_on(device: torch.device) -> TurnTimes:
    """Return the times for turns that this device computes."""
    match device.type:
        case "cpu":
            return HostTurnTimes()
        case "cuda":
            return StreamTurnTimes(
                partial(torch.cuda.Event, enable_timing=True), partial(torch.cuda.current_stream, device)
            )
        case _:
            return NoTurnTimes()
