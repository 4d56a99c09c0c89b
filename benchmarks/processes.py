"""Weights after 20 steps on one process and on several: for every method, and for everything that could differ.

Each group of processes trains all cases, and the weights of n processes are compared with those of one. "Resumed" are
the weights of a run that stops after half of the steps and goes on with another number of processes.

In float64 the weights must be equal up to 1e-10. In float32 they must be as close as 1e-5, or as twice the difference
of one process between float32 and float64 ("rounding"), since both runs round: Adam takes a step of full size for a
gradient that is nothing but a rounding error, and images with norms have such gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use
from genkit.runs.training import checkpoint

STEPS, HALF, BATCH = 20, 10, 16
PRECISIONS = {"fp64": 1e-10, "fp32": 1e-5}  # the relative L2 difference that counts as equal

ADAM, CLIPPED = Use("adam", lr=1e-3), Use("adamw", lr=1e-3, clip_norm=0.5)
AUTOENCODER = {"encoder": ADAM, "decoder": ADAM}
POINTS = {"data": Use("8-gaussians"), "model": Use("mlp", width=16), "optimiser": AUTOENCODER}


def images(norm: str) -> dict[str, Any]:
    """Return data and networks of images, with a norm.

    The images are generated. In those of digits many pixels are equal, so one rounding error decides on which side of a
    kink of the network all of them are: with batch norm, gradients in fp32 are then 2 % from those in fp64.
    """
    model = Use("introvae-conv", latent_dim=4, channels=(8, 16), norm=norm)
    return {"data": Use("stand-in", shape=(1, 16, 16)), "model": model, "optimiser": AUTOENCODER}


@dataclass(frozen=True)
class Case:
    """A short training."""

    loss: Use
    tables: Mapping[str, Any] = field(default_factory=lambda: POINTS)
    train: Mapping[str, Any] = field(default_factory=dict)  # keys of [train] beside the common ones

    def plan(self, precision: str) -> Plan:
        """Return its plan."""
        train = Train(steps=STEPS, batch_size=BATCH, precision=precision, **self.train)  # type: ignore[arg-type]
        return make_plan(Recipe(title="processes", loss=self.loss, train=train, **self.tables))


CASES: Mapping[str, Case] = {
    "vae": Case(Use("vae")),
    "introvae": Case(Use("introvae", warmup_steps=4)),
    "soft-introvae": Case(Use("soft-introvae", warmup_steps=4)),
    "as-introvae": Case(Use("as-introvae", warmup_steps=4)),
    "wgan-gp, a critic of five updates": Case(
        Use("wgan-gp"),
        {
            "data": Use("8-gaussians"),
            "model": Use("mlp-gan", width=16),
            "optimiser": {"generator": ADAM, "critic": ADAM},
        },
    ),
    "images, norm none": Case(Use("soft-introvae", warmup_steps=4), images("none")),
    "images, norm group": Case(Use("soft-introvae", warmup_steps=4), images("group")),
    "images, norm sync-batch": Case(Use("vae"), images("sync-batch")),
    "EMA, clipping and AdamW": Case(
        Use("as-introvae", warmup_steps=4),
        {**POINTS, "optimiser": dict.fromkeys(AUTOENCODER, CLIPPED), "ema": EMA(0.9)},
    ),
    "two micro-batches": Case(Use("vae"), train={"accumulate": 2}),
}


def weights_of(plan: Plan, begin: Path | None, stop: int, out: Path) -> None:
    """Train to step `stop`, from a checkpoint if `begin` is given, and write the state to the folder `out`."""
    world = World(plan.recipe.train.precision)
    state = initial_state(plan, world, resuming=begin is not None)
    if begin is not None:
        checkpoint.load(state, begin)
    for record in train_steps(plan, state, world):
        if record.step == stop:
            break
    if world.is_main:
        checkpoint.save(state, out)


def train_all(out: Path, begin: Path | None, stop: int) -> None:
    """Train all cases in this group of processes."""
    for number, case in enumerate(CASES.values()):
        for precision in PRECISIONS:
            name = f"{number}-{precision}"
            weights_of(case.plan(precision), begin / name if begin else None, stop, out / name)
    World().close()


def on_processes(count: int, *arguments: object) -> None:
    """Run `train_all` on `count` processes of one thread."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"] if count > 1 else []
    command = [sys.executable, *launcher, "-m", "benchmarks.processes", "--train", *map(str, arguments)]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, stdout=subprocess.DEVNULL)


def difference(one: Path, other: Path) -> float:
    """Return the L2 norm of the difference of all weights, relative to that of the weights; EMA weights included."""
    a, b = (load_file(folder / checkpoint.TENSORS) for folder in (one, other))
    names = [name for name in a if not name.startswith("optim/") and a[name].is_floating_point()]
    x, y = (torch.cat([tensors[name].flatten().double() for name in names]) for tensors in (a, b))
    return ((x - y).norm() / x.norm()).item()


def bound_of(row: Mapping[str, Any]) -> float:
    """Return the largest difference of a row that counts as equal."""
    bound = PRECISIONS[row["precision"]]
    return max(bound, 2 * row["rounding"]) if row["precision"] == "fp32" else bound


def measure(counts: list[int]) -> list[dict[str, Any]]:
    """Return a row for each case: the difference between one process and each of `counts`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for count in (1, *counts):
            on_processes(count, root / str(count), STEPS)
        on_processes(counts[0], root / "half", HALF)
        on_processes(1, root / "resumed", STEPS, root / "half")
        others = {**{f"{count} processes": str(count) for count in counts}, f"{counts[0]}, resumed by 1": "resumed"}
        return [
            {
                "case": case,
                "precision": precision,
                "rounding": difference(root / "1" / f"{number}-fp64", root / "1" / f"{number}-fp32"),
                **{
                    label: difference(root / "1" / f"{number}-{precision}", root / other / f"{number}-{precision}")
                    for label, other in others.items()
                },
            }
            for number, case in enumerate(CASES)
            for precision in PRECISIONS
        ]


def main() -> None:
    """Measure, print, and exit with 1 if a difference is larger than the bound of its precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 4], help="numbers of processes")
    parser.add_argument("--train", nargs="+", help=argparse.SUPPRESS)  # OUT STOP [BEGIN]
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    if given.train:
        out, stop, *begin = given.train
        train_all(Path(out), Path(begin[0]) if begin else None, int(stop))
        return
    rows = measure(given.counts)
    labels = [name for name in rows[0] if name not in ("case", "precision", "rounding")]
    equal = all(row[label] <= bound_of(row) for row in rows for label in labels)
    if given.json:
        print(json.dumps({"steps": STEPS, "batch_size": BATCH, "equal": equal, "rows": rows}))
    else:
        labels.append("rounding")
        cells = [(row["case"], row["precision"], *(f"{row[label]:.0e}" for label in labels)) for row in rows]
        Console().table(f"Relative L2 difference of the weights after {STEPS} steps", ("case", "", *labels), cells)
        Console().print("All are equal." if equal else "Some differ by more than the bound.")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
