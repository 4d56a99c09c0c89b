"""``genkit sample RUN``: samples of a run, as an array and as a picture."""

from __future__ import annotations

import json as json_format
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from genkit.cli.inputs import open_with_remark
from genkit.cli.options import Json, Out, RunOrModel, Weights
from genkit.cli.outputs import write_outputs
from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.core.model import Model

NUMBER = 64


class GridSize(NamedTuple):
    """The rows and columns that ``--grid`` asks for."""

    rows: int
    columns: int

    def __str__(self) -> str:
        return f"--grid {self.rows}x{self.columns}"


def sample(
    run: RunOrModel,
    number: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help=f"Number of samples; {NUMBER} by default.")
    ] = None,
    grid: Annotated[
        str, typer.Option("--grid", metavar="ROWSxCOLUMNS", help="Grid of images to fill, instead of --number.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latent codes.")] = 0,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Draw samples of a run.

    Write OUT.npy, (N, *data_shape), and for images and points in the plane OUT.png. By default OUT is
    RUN/samples-WEIGHTS-seedSEED. Another number of samples has other latent codes.
    """
    from genkit.draw.samples import COLUMNS, save_samples
    from genkit.runs.trained import draw_samples

    size = _parse_grid(grid, number) if grid else None
    trained = open_with_remark(run, weights)
    if size is not None:
        _check_grid(size, trained.model, run)
        number = size.rows * size.columns

    number = number or NUMBER
    samples = draw_samples(trained, number, seed)
    note = f"{number} sample{'s' * (number != 1)}: draws of the prior, decoded; seed {seed}."
    note += " Beside each row, the numbers of its samples." * (samples.ndim == 4)
    columns = COLUMNS if size is None else size.columns
    draw = partial(save_samples, samples=samples, title=trained.title, note=note, columns=columns)
    written = write_outputs(out, run / f"samples-{trained.weights}-seed{seed}", samples, draw, trained.data)
    if json:
        print(json_format.dumps({"samples": number, "weights": trained.weights, "written": written}))
    else:
        print("\n".join(written))


def _parse_grid(text: str, number: int | None) -> GridSize:
    """Return the size. Raises `UsageError` for other text, and if the number of samples is given as well."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not found:
        raise UsageError(f"--grid {text}: expected ROWSxCOLUMNS, two numbers above 0, such as 4x8.")
    size = GridSize(int(found[1]), int(found[2]))
    if number is not None:
        raise UsageError(
            f"{size}: asks for {size.rows * size.columns} samples, but --number for {number}. Leave out one of them."
        )
    return size


def _check_grid(size: GridSize, model: Model, run: object) -> None:
    """Raise `UsageError` unless the samples are images, and few enough for a picture that can be opened."""
    from genkit.draw.image_grid import LARGEST, fits

    if len(model.data_shape) != 3:
        raise UsageError(f"{size}: only images form a grid. The samples of {run} have shape {model.data_shape}.")
    number = size.rows * size.columns
    if not fits(number, size.columns, model.data_shape):
        raise UsageError(
            f"{size}: the picture would have more than {LARGEST:,} pixels, which few programs can open. Ask for a "
            f"smaller grid, or write an array with --number {number}."
        )
