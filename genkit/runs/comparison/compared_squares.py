"""Pictures of compared runs on points in the plane: samples, densities and reconstructions of each, on one scale."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.draw.density import half_width_of
from genkit.draw.squares import save_density_square, save_reconstructions_square, save_samples_square
from genkit.pages.chart import value_text
from genkit.pages.pictures import AskedPicture, Picture, PictureBudget, remarks_on_smaller
from genkit.runs.comparison.compared_models import ModelOutputs
from genkit.runs.comparison.compared_tiles import described

POINTS = 2000  # samples in a square
LINES = 400  # reconstructions in a square: more would hide each other


@dataclass(frozen=True)
class Square:
    """A picture of one run beside those of the others."""

    name: str  # of the run
    note: str
    picture: Picture


@dataclass(frozen=True)
class SquareRow:
    """The same kind of picture of each run."""

    title: str
    about: str
    squares: Sequence[Square]


@dataclass(frozen=True)
class _Drawn:
    name: str
    note: str
    path: Path
    text: str


def rows_of_squares(points: Sequence[ModelOutputs], budget: PictureBudget) -> list[SquareRow]:
    """Return a row of squares for each kind of picture, as far as the budget allows."""
    several = len(points) > 1
    codes = " of the same latent codes, unless noted," if several else ""
    scale = " Runs on the same data have the same scale." if several else ""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            ("Samples", f"Samples{codes} in black; held-out data in grey."): [
                _samples(each, described(each) if several else each.weights, Path(folder, f"{number}-samples.png"))
                for number, each in enumerate(points)
            ],
            ("Density", "The density of each model, relative to its maximum."): [
                _density(each, Path(folder, f"{number}-density.png")) for number, each in enumerate(points)
            ],
            ("Held-out reconstructions", "A line from each held-out point, grey, to its reconstruction, black."): [
                _reconstructions(each, Path(folder, f"{number}-reconstructions.png"))
                for number, each in enumerate(points)
                if each.reconstructions is not None
            ],
        }
        rows = []
        for number, ((title, about), drawn) in enumerate(kinds.items()):
            asked = [AskedPicture(each.path, each.text, each.name) for each in drawn]
            taken = {picture.label: picture for picture in budget.take(asked, 1 / (len(kinds) - number))}
            budget.remarks += [f"{title}: {remark}" for remark in remarks_on_smaller(list(taken.values()))]
            squares = [Square(each.name, each.note, taken[each.name]) for each in drawn if each.name in taken]
            rows.append(SquareRow(title, f"{about}{scale}", squares))
    return [row for row in rows if row.squares]


def _samples(outputs: ModelOutputs, note: str, path: Path) -> _Drawn:
    reference = None if outputs.inputs is None else outputs.inputs.x
    save_samples_square(path, outputs.samples, reference, _half_width(outputs))
    return _Drawn(outputs.run.name, note, path, f"Samples of {outputs.run.name}")


def _density(outputs: ModelOutputs, path: Path) -> _Drawn:
    assert outputs.model is not None  # models of points are kept
    shown = save_density_square(path, outputs.model, outputs.samples, _half_width(outputs))
    return _Drawn(outputs.run.name, shown, path, f"Density of {outputs.run.name}")


def _reconstructions(outputs: ModelOutputs, path: Path) -> _Drawn:
    assert outputs.inputs is not None and outputs.reconstructions is not None
    save_reconstructions_square(path, outputs.inputs.x[:LINES], outputs.reconstructions[:LINES], _half_width(outputs))
    error = "" if outputs.error is None else f"mean squared error {value_text(outputs.error)}"
    note = f"{error} of {len(outputs.reconstructions)} points"
    return _Drawn(outputs.run.name, note, path, f"Reconstructions by {outputs.run.name}")


def _half_width(outputs: ModelOutputs) -> float:
    return half_width_of(outputs.samples if outputs.inputs is None else outputs.inputs.x)
