"""``genkit sample RUN``: samples of a run, as an array and as a picture."""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import Json, ModelToRead, Out, Weights
from genkit.cli.completion.complete_contents import complete_class
from genkit.cli.places.array_and_picture import write_array_and_picture
from genkit.cli.places.inputs import open_with_remark
from genkit.console.escapes import in_one_line
from genkit.errors import UsageError
from genkit.runs.trained_models.class_labels import first_classes, names_of, parse_labels

if TYPE_CHECKING:
    from genkit.core.model import Model

NUMBER, OF_EACH = 64, 8  # samples, and samples of each class of --label


class GridSize(NamedTuple):
    """The rows and columns that ``--grid`` asks for."""

    rows: int
    columns: int

    def __str__(self) -> str:
        return f"--grid {self.rows}x{self.columns}"


def sample(
    run: ModelToRead,
    number: Annotated[
        int | None, whole_number("--number", "-n", least=1, help=f"Number of samples; {NUMBER} by default.")
    ] = None,
    grid: Annotated[
        str, typer.Option("--grid", metavar="ROWSxCOLUMNS", help="Grid of images to fill, instead of --number.")
    ] = "",
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="CLASS,CLASS,...",
            autocompletion=complete_class,
            help=f"Classes of a conditional model to draw, by name or number; {OF_EACH} samples of each by default.",
        ),
    ] = None,
    seed: Annotated[int, whole_number("--seed", least=0, help="Seed of the latent codes.")] = 0,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Draw samples of a run.

    Write OUT.npy, (N, *data_shape), and for images and points in the plane OUT.png. By default OUT is
    RUN/samples-WEIGHTS-seedSEED, followed by -label-CLASS. Another number of samples has other latent codes.

    A conditional model writes OUT.npz with the arrays `sample` and `label`. With --label, --number is the number of
    each class. Without --label, --number and --grid there is a row for each class; with --number or --grid alone,
    classes are drawn with the frequencies of the training data.
    """
    import torch

    from genkit.cli.show.show_picture import show_samples
    from genkit.draw.samples import COLUMNS, save_samples
    from genkit.runs.trained_models.trained import draw_labels, draw_samples

    size = _parse_grid(grid, number) if grid else None
    trained = open_with_remark(run, weights)
    classes = None if label is None else parse_labels(label, trained.model, run)
    suffix = "" if classes is None else "-label-" + "-".join(map(str, classes))
    if classes is None and number is None and size is None:
        classes = first_classes(trained.model)
    if size is not None:
        _check_grid(size, trained.model, run)
        number = size.rows * size.columns // (1 if classes is None else _equal_rows(size, classes, label))

    if classes is None:
        labels = draw_labels(trained.model, number or NUMBER, seed)
        number = number or NUMBER
    else:
        labels = torch.tensor(classes).repeat_interleave(number or OF_EACH)
        number = len(labels)
    samples = draw_samples(trained, number, seed, labels)
    shown = () if classes is None else names_of(classes, trained.model)
    note = f"{number} sample{'s' * (number != 1)}: draws of the prior, decoded; seed {seed}."
    if samples.ndim == 4:
        note += " Beside each row, its class." if shown else " Beside each row, the numbers of its samples."
    if labels is not None and not shown:
        note += " Classes drawn with the frequencies of the training data."
    columns = COLUMNS if size is None else size.columns
    draw = partial(save_samples, samples=samples, title=trained.title, note=note, columns=columns, groups=shown)
    arrays = samples if labels is None else {"sample": samples, "label": labels}
    default = run.output(f"samples-{trained.weights}-seed{seed}{suffix}")
    written = write_array_and_picture(out, default, arrays, draw, trained.data)
    if json:
        facts = {"samples": number, "weights": trained.weights, "written": written}
        print(json_format.dumps({**facts, "classes": list(shown)} if shown else facts))
    else:
        show_samples(samples)
        print("\n".join(map(in_one_line, written)))


def _equal_rows(size: GridSize, classes: Sequence[int], label: str | None) -> int:
    """Return the number of classes. Raises `UsageError` unless each gets as many rows of the grid."""
    if size.rows % len(classes):
        raise UsageError(
            f"{size}: {size.rows} rows are not a multiple of the {len(classes)} classes of --label {label}. Give each "
            f"class as many rows, such as --grid {len(classes)}x{size.columns}."
        )
    return len(classes)


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
