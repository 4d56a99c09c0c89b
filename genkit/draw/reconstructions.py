"""Picture of samples and their reconstructions."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.draw.scatter import save_point_reconstructions

COLUMNS = 8


def save_reconstructions(path: Path, inputs: Tensor, outputs: Tensor, title: str, note: str = "") -> list[Path]:
    """Write inputs and reconstructions, each (N, *data_shape), as PNG. Return the list of written files.

    Images: a row of inputs, below it the row of their reconstructions, and so on. Points in the plane: a line from each
    input to its reconstruction. Samples of other shapes have no picture, and the list is empty.
    """
    match tuple(inputs.shape[1:]):
        case (2,):
            save_point_reconstructions(path, inputs, outputs, title, note)
        case (1 | 3, _, _):
            save_image_grid(path, reconstruction_rows(inputs, outputs, COLUMNS), title, note)
        case _:
            return []
    return [path]


def reconstruction_note(samples: str, error: float) -> str:
    """Return the note of a picture. `samples` describes the inputs, such as ``32 samples of the test split``."""
    return f"{samples}, decoded from the posterior mean; mean squared error {error:.5g}."


def reconstruction_rows(inputs: Tensor, outputs: Tensor, columns: int) -> list[GridRow]:
    """Return rows of `columns` images: inputs, their reconstructions, the next inputs, ..."""
    pairs = zip(inputs.split(columns), outputs.split(columns), strict=True)
    return [row for x, y in pairs for row in (GridRow("input", x), GridRow("reconstruction", y))]
