"""Timing of two sides that alternate step by step, so that other work of the machine affects both equally.

Both sides run in this process, or each in its own process. With separate processes, settings of a process, such as its
memory allocator, are independent, as they are for two users.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from time import perf_counter, perf_counter_ns, process_time_ns, sleep
from typing import Any, NamedTuple

import numpy as np
import torch

from genkit.engine.distributed import World
from genkit.engine.finite_watch import FiniteWatch
from genkit.engine.loop import train_steps
from genkit.engine.state import TrainState
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan

STEPS, WARMUP, RESAMPLES = 200, 30, 2000
CLOCKS = {"wall": perf_counter_ns, "cpu": process_time_ns}


class Comparison(NamedTuple):
    """Times of two sides."""

    first_ms: float  # medians
    second_ms: float
    ratio: float  # second / first
    low: float  # 95 % interval of the ratio
    high: float


class EngineSteps:
    """Steps of a training as `genkit run` takes them, without the work that happens once in many steps.

    An item is the terms of a step.
    """

    def __init__(self, plan: Plan, state: TrainState, world: World, workers: int):
        self._steps, self._watch = train_steps(plan, state, world, workers=workers), FiniteWatch()
        self._waited, self._took = 0.0, 0.0  # seconds

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        start = perf_counter()
        record = next(self._steps)
        self._watch.observe(record)
        self._took, self._waited = self._took + perf_counter() - start, self._waited + record.waited
        return record.terms

    @property
    def waiting(self) -> float:
        """The share of the time of all steps that they have waited for their data."""
        return self._waited / self._took if self._took else 0.0

    def close(self) -> None:
        """End the workers."""
        self._steps.close()


def with_engine(plan: Plan, state: TrainState, world: World, workers: int = 0) -> EngineSteps:
    """Train as `genkit run` does, without the work that happens once in many steps."""
    return EngineSteps(plan, state, world, workers)


class Side:
    """Side in this process. A call takes one step and returns its time in nanoseconds."""

    def __init__(self, steps: Iterator[Any], clock: Callable[[], int]):
        self._steps, self._clock = steps, clock

    @property
    def waiting(self) -> float:
        """The share of the time that genkit's steps have waited for their data; 0 for another side."""
        return getattr(self._steps, "waiting", 0.0)

    def __call__(self) -> int:
        start = self._clock()
        next(self._steps)
        return self._clock() - start


class SideApart:
    """Side in its own process, which calls `make`. It must be possible to pickle `make`."""

    REST = 0.003  # seconds before each step, so that idle threads of the other side stop spinning

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
        """Return the peak memory of the process in bytes."""
        self._pipe.send("peak")
        return self._pipe.recv()

    @property
    def waiting(self) -> float:
        """The share of the time that genkit's steps have waited for their data; 0 for another side."""
        self._pipe.send("waiting")
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
        match asked:
            case "step":
                pipe.send(side())
            case "waiting":
                pipe.send(side.waiting)
            case _:
                pipe.send(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def compare(first: Callable[[], int], second: Callable[[], int], steps: int, warmup: int | None = None) -> Comparison:
    """Take `warmup` steps of both sides, by default `WARMUP`, then time `steps` steps of both."""
    alternate(first, second, WARMUP if warmup is None else warmup)
    times = alternate(first, second, steps)
    first_ns, second_ns = np.median(times, axis=0)
    return Comparison(first_ns / 1e6, second_ns / 1e6, second_ns / first_ns, *interval(times))


def alternate(a: Callable[[], int], b: Callable[[], int], steps: int) -> np.ndarray:
    """Return the nanoseconds of all steps, (steps, 2). The order is a b a b ..., and b a b a ... in the second half."""
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

    `cases` maps the name of each case to the loss that it needs. The returned `cases` are the names on the command
    line, or all cases whose loss is installed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=summary)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(cases)}; by default all")
    parser.add_argument("--steps", type=int, help="timed steps of each side; the default depends on the case")
    parser.add_argument("--threads", type=int, default=threads)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a machine that others use too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()

    installed = {part.entry.name for part in load_registry().of_kind("losses")}
    if unknown := set(given.cases) - set(cases):
        parser.error(f"unknown case: {', '.join(sorted(unknown))}")
    if missing := {cases[case] for case in given.cases} - installed:
        parser.error(f"loss not installed: {', '.join(sorted(missing))}")
    given.cases = given.cases or [case for case, method in cases.items() if method in installed]
    torch.set_num_threads(given.threads)
    return given
