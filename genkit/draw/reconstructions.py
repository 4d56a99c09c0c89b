"""Samples beside what a model makes of them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import GridRow, save_grid
from genkit.draw.scatter import save_point_reconstructions

COLUMNS = 8


def save_reconstructions(path: Path, inputs: Tensor, outputs: Tensor, title: str, note: str = "") -> list[Path]:
    """Write inputs and reconstructions, each (N, *data_shape), as a picture if their shape has one; return its path.

    Images: a row of inputs, below it their reconstructions. Points in the plane: each joined to its own by a line.
    """
    match tuple(inputs.shape[1:]):
        case (2,):
            save_point_reconstructions(path, inputs, outputs, title, note)
        case (1 | 3, _, _):
            save_grid(path, reconstruction_rows(inputs, outputs, COLUMNS), title, note)
        case _:
            return []
    return [path]


def note_of(shown: str, error: float) -> str:
    """Return what stands on a picture of samples, `shown` says how many of what, and their reconstructions."""
    return f"{shown}, decoded from the posterior mean; mean squared error {error:.5g}."


def reconstruction_rows(inputs: Tensor, outputs: Tensor, columns: int) -> list[GridRow]:
    """Return rows of `columns` images in turn: inputs, their reconstructions, inputs, ..."""
    pairs = zip(inputs.split(columns), outputs.split(columns), strict=True)
    return [row for x, y in pairs for row in (GridRow("input", x), GridRow("reconstruction", y))]
