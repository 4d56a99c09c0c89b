"""Digests of short runs. Two versions of genkit that print the same lines train the same weights, bit for bit.

Run it before and after a change that must not affect results, on the same machine, and compare the output:

    python -m benchmarks.same_bits > before.txt
    python -m benchmarks.same_bits > after.txt

It uses the command line only, so one copy of this file can measure any version (`--genkit CHECKOUT`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
METHODS = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")
SHORT = ("train.steps=30", "report.log_every=5", "report.draw_every=30", "checkpoint.every=15")
IMAGES = ("train.steps=4", "train.batch_size=8", "report.log_every=1", "checkpoint.every=2")
DIGESTED = ("metrics.jsonl", "evaluations.jsonl", "results.json", "state.safetensors", "state.json")
WEIGHTS = ("model.safetensors", "ema.safetensors")
TABLE = """\
title = "Two cells"
metrics = ["modes"]
seeds = [0, 1]
[columns.short]
title = "short"
recipe = "{recipe}"
set.train.steps = 20
[rows.narrow]
title = "narrow"
set.model.width = 16
[rows.wide]
title = "wide"
set.model.width = 32
"""


class Genkit:
    """Command line of one checkout."""

    def __init__(self, checkout: Path):
        plugins = [str(path) for path in sorted((checkout / "plugins").iterdir())]
        self.recipes, self._checkout = checkout / "recipes", checkout
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(checkout), *plugins]),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a command in its own process.

        It works in the checkout: `python -m` searches the working folder before the folders of PYTHONPATH.
        """
        command = [sys.executable, "-m", "genkit", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self._environment, cwd=self._checkout, stdout=pipe, stderr=pipe)

    def __call__(self, *arguments: object, code: int = 0) -> bytes:
        """Run a command and return its output."""
        process = self.start(*arguments)
        out, error = process.communicate()
        if process.returncode != code:
            raise SystemExit(
                f"genkit {' '.join(map(str, arguments))}: exit code {process.returncode}\n{error.decode()}"
            )
        return out


def sets(overrides: tuple[str, ...]) -> list[str]:
    """Return overrides as command-line arguments."""
    return [argument for override in overrides for argument in ("--set", override)]


def digests(runs: Path) -> Iterator[tuple[str, str]]:
    """Yield each file of a run whose bytes must not change, with the start of its SHA-256."""
    for path in sorted(runs.rglob("*")):
        if path.name in (*DIGESTED, *WEIGHTS) and path.is_file():
            yield str(path.relative_to(runs)), hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def interrupted_and_resumed(genkit: Genkit, runs: Path) -> None:
    """Stop a run with SIGTERM when it has logged some steps, then resume it to its end."""
    recipe = genkit.recipes / "as_introvae_8gaussians.toml"
    process = genkit.start("run", recipe, "--runs", runs, *sets((*SHORT, "train.steps=200", "train.batch_size=64")))
    while process.poll() is None and not any(file.stat().st_size > 2000 for file in runs.glob("*/metrics.jsonl")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    if process.returncode != 130:
        raise SystemExit(f"the interrupted run ended with exit code {process.returncode}; expected 130")
    genkit("resume", next(runs.glob("*/recipe.resolved.toml")).parent)


def cases(genkit: Genkit, runs: Path) -> Iterator[str]:
    """Train each case in a folder of its name under `runs`, and yield its name."""
    for method in METHODS:
        genkit("run", genkit.recipes / f"{method}_8gaussians.toml", "--runs", runs / method, *sets(SHORT))
        yield method
    genkit("run", genkit.recipes / "as_introvae_digits.toml", "--runs", runs / "digits", *sets(IMAGES))
    yield "digits"
    for recipe in ("soft_introvae_cifar10", "wgan_gp_cifar10"):
        arguments = ("run", genkit.recipes / f"{recipe}.toml", "--stand-in", "--runs", runs / recipe)
        genkit(*arguments, *sets((*IMAGES, "train.steps=2", 'train.epochs=""', "metrics={}", 'evaluate=""')))
        yield recipe
    interrupted_and_resumed(genkit, runs / "resumed")
    yield "resumed"
    recipe = genkit.recipes / "as_introvae_8gaussians.toml"
    genkit("run", recipe, "--processes", 2, "--runs", runs / "two-processes", *sets(SHORT))
    yield "two-processes"
    table = runs / "table.toml"
    table.write_text(TABLE.format(recipe=genkit.recipes / "vae_8gaussians.toml"))
    genkit("table", table, "--runs", runs / "table")
    (runs / "table" / "results.json").write_bytes(genkit("table", table, "--show", "--format", "csv"))
    yield "table"


def main() -> None:
    """Print one line for each file: case, file, digest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genkit", type=Path, default=CHECKOUT, metavar="CHECKOUT", help="the version to measure")
    genkit = Genkit(parser.parse_args().genkit.absolute())
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for case in cases(genkit, runs):
            for name, digest in digests(runs / case):
                print(case, name, digest, flush=True)


if __name__ == "__main__":
    main()
