"""Waiting time of the user: for `genkit --help`, and for the first step of `genkit run`.

The real commands run in turns, each in its own process, next to the bare interpreter and `import torch`, which are
lower bounds. The first step has ended when metrics.jsonl has its first line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from genkit.console.output import Console

RECIPES = Path(__file__).parents[1] / "recipes"
GENKIT = (sys.executable, "-m", "genkit")
TARGETS = {"genkit --help": 0.25, "genkit run, to its first step": 6.0}  # seconds
GIVE_UP = 300.0  # seconds


def whole(*command: str) -> float:
    """Return the seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def first_step(recipe: Path) -> float:
    """Return the seconds from the start of a run to the first line of its metrics.jsonl."""
    with tempfile.TemporaryDirectory() as runs:
        start = time.perf_counter()
        options = ("--set", "train.steps=1", "--set", "report.log_every=1", "--runs", runs)
        with subprocess.Popen([*GENKIT, "run", str(recipe), *options], stdout=subprocess.DEVNULL) as process:
            try:
                while not any(file.stat().st_size for file in Path(runs).glob("*/metrics.jsonl")):
                    if process.poll() is not None or time.perf_counter() - start > GIVE_UP:
                        raise SystemExit(f"genkit run {recipe}: no step within {GIVE_UP:.0f} s, or the run ended first")
                    time.sleep(0.002)
                return time.perf_counter() - start
            finally:
                process.kill()


def imports_torch(*command: str) -> bool:
    """Return whether a Python command imports torch."""
    report = subprocess.run(
        [sys.executable, "-X", "importtime", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ).stderr
    return "torch" in {line.rpartition("|")[2].strip() for line in report.splitlines()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=RECIPES / "vae_8gaussians.toml")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()

    waits: dict[str, Callable[[], float]] = {
        "python -c pass": partial(whole, sys.executable, "-c", "pass"),
        "genkit --help": partial(whole, *GENKIT, "--help"),
        "python -c 'import torch'": partial(whole, sys.executable, "-c", "import torch"),
        "genkit run, to its first step": partial(first_step, options.recipe),
    }
    for wait in waits.values():
        wait()  # fills the page cache
    seconds: dict[str, list[float]] = {name: [] for name in waits}
    for _ in range(options.repeats):
        for name, wait in waits.items():
            seconds[name].append(wait())

    torch_in_help = imports_torch("-m", "genkit", "--help")
    if options.json:
        measured: list[dict[str, Any]] = [
            {"command": name, "median_s": statistics.median(taken), "seconds": taken, "target_s": TARGETS.get(name)}
            for name, taken in seconds.items()
        ]
        print(json.dumps({"recipe": options.recipe.name, "help_imports_torch": torch_in_help, "rows": measured}))
        return
    rows = [
        (name, f"{statistics.median(taken):.3f}", f"{min(taken):.3f}", f"{max(taken):.3f}", str(TARGETS.get(name, "")))
        for name, taken in seconds.items()
    ]
    console = Console()
    console.table(f"Seconds, {options.repeats} times each", ("command", "median", "least", "most", "target"), rows)
    console.print(f"genkit --help imports torch: {'yes' if torch_in_help else 'no'}")


if __name__ == "__main__":
    main()
