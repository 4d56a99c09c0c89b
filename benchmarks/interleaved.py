"""Two ways to take a step, timed alternately: whatever else the machine does then falls on both alike.

Both sides may live in this process, or each in a process of its own: settings of a process, such as how its memory is
allocated, then are no more common to them than they would be to two users.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from time import perf_counter_ns, process_time_ns, sleep
from typing import Any, NamedTuple

import numpy as np
import torch

from genkit.engine.distributed import World
from genkit.engine.finite_watch import FiniteWatch
from genkit.engine.loop import train_steps
from genkit.engine.state import TrainState
from genkit.recipe.plan import Plan
from genkit.recipe.registry import load_registry

STEPS, WARMUP, RESAMPLES = 200, 30, 2000
CLOCKS = {"wall": perf_counter_ns, "cpu": process_time_ns}


class Comparison(NamedTuple):
    """What the steps of two sides took."""

    first_ms: float  # medians
    second_ms: float
    ratio: float  # second / first
    low: float  # 95 % interval of the ratio
    high: float


def with_engine(plan: Plan, state: TrainState, world: World) -> Iterator[Any]:
    """Train as `genkit.runs.train` does, without what it does only now and then."""
    watch = FiniteWatch()
    for record in train_steps(plan, state, world):
        watch.observe(record)
        yield record.terms


class Side:
    """Steps in this process. Calling it takes one and returns its nanoseconds."""

    def __init__(self, steps: Iterator[Any], clock: Callable[[], int]):
        self._steps, self._clock = steps, clock

    def __call__(self) -> int:
        start = self._clock()
        next(self._steps)
        return self._clock() - start


class SideApart:
    """Steps in a process of its own; `make` is called there, and can be pickled."""

    REST = 0.003  # seconds before each step, in which the other side's idle threads cease to spin

    def __init__(self, make: Callable[[], Iterator[Any]], clock: str, threads: int):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, clock, threads), daemon=True)
        self._process.start()
        theirs.close()

    def __call__(self) -> int:
        sleep(self.REST)
        self._pipe.send("step")
        return self._pipe.recv()

    def peak(self) -> int:
        """Return the most memory that the process has had, in bytes."""
        self._pipe.send("peak")
        return self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _serve(pipe: Connection, make: Callable[[], Iterator[Any]], clock: str, threads: int) -> None:
    torch.set_num_threads(threads)
    side = Side(make(), CLOCKS[clock])
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        pipe.send(side() if asked == "step" else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def compare(first: Callable[[], int], second: Callable[[], int], steps: int, warmup: int | None = None) -> Comparison:
    """Take `warmup` steps of both, `WARMUP` unless given, then time as many as `steps` says."""
    alternate(first, second, WARMUP if warmup is None else warmup)
    times = alternate(first, second, steps)
    first_ns, second_ns = np.median(times, axis=0)
    return Comparison(first_ns / 1e6, second_ns / 1e6, second_ns / first_ns, *interval(times))


def alternate(a: Callable[[], int], b: Callable[[], int], steps: int) -> np.ndarray:
    """Return the nanoseconds of each step of both, (steps, 2): a b a b ... and, from the middle on, b a b a ..."""
    times = np.zeros((steps, 2))
    for step in range(steps):
        for side in (0, 1) if step < steps // 2 else (1, 0):
            times[step, side] = (a, b)[side]()
    return times


def interval(times: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of medians, by a bootstrap over pairs of steps."""
    picked = np.random.default_rng(0).integers(len(times), size=(RESAMPLES, len(times)))
    medians = np.median(times[picked], axis=1)
    low, high = np.quantile(medians[:, 1] / medians[:, 0], [0.025, 0.975])
    return float(low), float(high)


def options(name: str, summary: str, cases: Mapping[str, str], threads: int) -> argparse.Namespace:
    """Read the command line and set the threads.

    `cases` are names, each with the loss that must be installed for it; `cases` of what is returned are those asked
    for, or all that can be had.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=summary)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(cases)}; all by default")
    parser.add_argument("--steps", type=int, help="timed steps of each side; by default as many as the case needs")
    parser.add_argument("--threads", type=int, default=threads)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: where others use the machine too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()

    installed = {part.entry.name for part in load_registry().of_kind("losses")}
    if unknown := set(given.cases) - set(cases):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if missing := {cases[case] for case in given.cases} - installed:
        parser.error(f"not installed: {', '.join(sorted(missing))}")
    given.cases = given.cases or [case for case, method in cases.items() if method in installed]
    torch.set_num_threads(given.threads)
    return given
