"""Samples beside what a model makes of them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import Row, save_grid
from genkit.draw.scatter import save_pairs_of_points

COLUMNS = 8


def save_pairs(path: Path, inputs: Tensor, outputs: Tensor, title: str, note: str = "") -> list[Path]:
    """Write inputs and reconstructions, each (N, *data_shape), as a picture if their shape has one; return its path.

    Images: a row of inputs, below it their reconstructions. Points in the plane: each joined to its own by a line.
    """
    match tuple(inputs.shape[1:]):
        case (2,):
            save_pairs_of_points(path, inputs, outputs, title, note)
        case (1 | 3, _, _):
            save_grid(path, pair_rows(inputs, outputs, COLUMNS), title, note)
        case _:
            return []
    return [path]


def note_of(shown: str, error: float) -> str:
    """Return what stands on a picture of samples, `shown` says how many of what, and their reconstructions."""
    return f"{shown}, decoded from the posterior mean; mean squared error {error:.5g}."


def pair_rows(inputs: Tensor, outputs: Tensor, columns: int) -> list[Row]:
    """Return rows of `columns` images in turn: inputs, their reconstructions, inputs, ..."""
    pairs = zip(inputs.split(columns), outputs.split(columns), strict=True)
    return [row for x, y in pairs for row in (Row("input", x), Row("reconstruction", y))]
