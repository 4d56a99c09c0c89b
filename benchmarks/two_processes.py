"""Two processes of one thread compared with one process of two threads, at the same global batch.

Each run is a command, `genkit run`, as a user types it. A short and a longer run are made of each kind, in turns, and
the rate is that of the steps between: what a process takes to start is left out. The data are stand-ins, and there is
no warm-up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from genkit.console.output import Console

RECIPES = Path(__file__).parents[1] / "recipes"
RECIPE = "as_introvae_cifar10_cpu"
TARGET = 0.95  # images a second of two processes / of one
SHORT = 5  # steps
KINDS: Mapping[str, tuple[str, ...]] = {
    "one process, two threads": ("--processes", "1", "--threads", "2"),
    "two processes, one thread": ("--processes", "2", "--threads", "1"),
}
QUIET = (
    "loss.warmup_steps=0",
    "metrics={}",
    "ema.decay=0.999",
    "report.draw_every=1000000",
    "checkpoint.every=1000000",
)


def seconds(recipe: str, kind: str, steps: int, batch_size: int) -> float:
    """Run a recipe for some steps, and return the seconds that its training took. Raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory() as runs:
        settings = (f"train={{steps={steps}, batch_size={batch_size}}}", *QUIET)
        command = [sys.executable, "-m", "genkit", "run", str(RECIPES / f"{recipe}.toml"), "--stand-in", "-q"]
        options = ("--runs", runs, *KINDS[kind], *(part for each in settings for part in ("--set", each)))
        threads = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        subprocess.run([*command, *options], check=True, env=threads, stdout=subprocess.DEVNULL)
        (timing,) = Path(runs).glob("*/timing.json")
        return float(json.loads(timing.read_text())["seconds"])


def rate(recipe: str, kind: str, steps: int, batch_size: int) -> float:
    """Return the images a second of the steps after the first ones."""
    short, long = (seconds(recipe, kind, each, batch_size) for each in (SHORT, SHORT + steps))
    return batch_size * steps / (long - short)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_processes", description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default=RECIPE, help=f"name of a shipped recipe (default: {RECIPE})")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60, help="steps that are timed (default: 60)")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of measurements (default: 3)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(given.repeats):
        for kind in KINDS:
            rates[kind].append(rate(given.recipe, kind, given.steps, given.batch_size))
    one, two = rates.values()
    ratios = sorted(second / first for first, second in zip(one, two, strict=True))
    if given.json:
        print(json.dumps({"rates": rates, "ratios": ratios, "target": TARGET}))
        return
    rows = [[kind, f"{median(found):.1f}"] for kind, found in rates.items()]
    Console().table(f"{given.recipe}, batches of {given.batch_size}", ("run", "images a second"), rows)
    print(f"ratio {median(ratios):.3f} (pairs: {', '.join(f'{ratio:.3f}' for ratio in ratios)}); target >= {TARGET}")


if __name__ == "__main__":
    main()
