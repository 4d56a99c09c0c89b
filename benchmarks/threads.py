"""Steps a second of recipes with one and with several threads, on an idle machine and beside busy processes.

The threads of a product of matrices wait for each other by spinning. Beside other busy processes one of them is often
not running, and the others spin until it is. So a small step, which has many short products, is slowed by threads that
help a large one. The engine loop runs in a process of its own for each measurement.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from genkit.console.output import Console
from genkit.console.quantities import quantity

RECIPES = Path(__file__).parents[1] / "recipes"
DEFAULT = ("vae_8gaussians", "as_introvae_8gaussians_fast", "as_introvae_digits", "as_introvae_mnist_cpu")
WARMUP = 3  # steps
BUSY = 4  # processes beside a run


def steps_a_second(recipe: str, threads: int, seconds: float) -> dict[str, float]:
    """Train with the engine for some seconds; return steps a second, and FLOP of a step. Sets the threads of torch."""
    import torch

    from benchmarks.interleaved import with_engine
    from genkit.engine.distributed import World
    from genkit.engine.state import initial_state
    from genkit.recipe.plan import make_plan
    from genkit.recipe.text.document import read
    from genkit.recipe.trial.stand_in import with_stand_in

    torch.set_num_threads(threads)
    document = with_stand_in(read(RECIPES / f"{recipe}.toml"))  # data are at hand, and cost little
    only_training = {name: table for name, table in document.tables.items() if name not in ("metrics", "evaluate")}
    plan = make_plan(replace(document, tables=only_training))
    world = World(plan.recipe.train.precision)
    steps = with_engine(plan, initial_state(plan, world), world)
    for _ in range(WARMUP):
        next(steps)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(steps)
        count += 1
    return {"rate": count / (time.perf_counter() - start), "flop": plan.dry_run.flops}


def measure(recipe: str, threads: int, seconds: float) -> dict[str, float]:
    """Return `steps_a_second` of a new process."""
    command = [sys.executable, "-m", "benchmarks.threads", "--one", recipe, str(threads), str(seconds)]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep `processes` processes busy."""
    started = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    parser.add_argument("recipes", nargs="*", default=DEFAULT, help="names of shipped recipes")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(steps_a_second(given.one[0], int(given.one[1]), float(given.one[2]))))
        return

    rows: list[dict[str, Any]] = []
    for recipe in given.recipes:
        row: dict[str, Any] = {"recipe": recipe}
        for others in (0, BUSY):
            for threads in given.threads:
                with busy(others):
                    measured = measure(recipe, threads, given.seconds)
                row["flop"] = measured["flop"]
                row[f"{threads} threads, {others} busy"] = measured["rate"]
        rows.append(row)
    if given.json:
        print(json.dumps({"rows": rows}))
        return
    names = [name for name in rows[0] if name not in ("recipe", "flop")]
    cells = [[row["recipe"], quantity(row["flop"], "FLOP"), *(f"{row[name]:.1f}" for name in names)] for row in rows]
    Console().table("steps a second", ("recipe", "a step", *names), cells)


if __name__ == "__main__":
    main()
