"""``genkit sample RUN``: samples of a finished run, as an array and as a picture."""

from __future__ import annotations

import json as json_format
import re
from functools import partial
from typing import Annotated

import typer

from genkit.cli.options import FinishedRun, Json, Out, Weights
from genkit.cli.outputs import write_outputs

NUMBER = 64


def sample(
    run: FinishedRun,
    number: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help=f"How many samples; {NUMBER} by default.")
    ] = None,
    grid: Annotated[str, typer.Option("--grid", metavar="ROWSxCOLUMNS", help="As many images as fill it.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the latent codes.")] = 0,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Draw samples: writes OUT.npy, and OUT.png for images and for points in the plane."""
    from genkit.draw.image_grid import LARGEST, fits
    from genkit.draw.samples import COLUMNS, save_samples
    from genkit.errors import UsageError
    from genkit.runs.trained import draw_samples, open_trained

    rows, columns = _rows_and_columns(grid) if grid else (0, COLUMNS)
    if grid and number is not None:
        raise UsageError(f"--grid {grid} asks for {rows * columns} samples and --number for {number}: leave out one.")
    trained = open_trained(run, weights)
    if grid and len(trained.model.data_shape) != 3:
        shape = trained.model.data_shape
        raise UsageError(f"--grid {grid}: the samples of {run} have the shape {shape}, and only images form a grid.")

    if grid and not fits(rows * columns, columns, trained.model.data_shape):
        raise UsageError(
            f"--grid {grid}: is a picture of more than {LARGEST:,} pixels, which few programs open. Ask for fewer; "
            f"--number {rows * columns} writes as many as an array."
        )

    number = rows * columns or number or NUMBER
    samples = draw_samples(trained, number, seed)
    note = f"{number} sample{'s' * (number != 1)}: draws of the prior, decoded; seed {seed}."
    note += " Beside each row, the numbers of its samples." * (samples.ndim == 4)
    draw = partial(save_samples, samples=samples, title=trained.title, note=note, columns=columns)
    written = write_outputs(out, run / f"samples-{trained.weights}-seed{seed}", samples, draw)
    if json:
        print(json_format.dumps({"samples": number, "weights": trained.weights, "written": written}))
    else:
        print("\n".join(written))


def _rows_and_columns(grid: str) -> tuple[int, int]:
    from genkit.errors import UsageError

    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", grid)
    if not found:
        raise UsageError(f"--grid {grid}: expected ROWSxCOLUMNS, two numbers above 0, such as 4x8.")
    return int(found[1]), int(found[2])
