"""Picture of samples of a model."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import GridRow, fits, save_image_grid
from genkit.draw.scatter import save_point_samples

COLUMNS = 8


def save_samples(path: Path, samples: Tensor, title: str, note: str = "", columns: int = COLUMNS) -> list[Path]:
    """Write samples, (N, *data_shape), as PNG. Return the list of written files.

    Images: a grid, with the numbers of the samples, counted from 0, to the left of each row. Points in the plane: a
    scatter plot. Samples of other shapes, and grids too large to open, have no picture, and the list is empty.
    """
    match tuple(samples.shape[1:]):
        case (2,):
            save_point_samples(path, samples, title, note)
        case (1 | 3, _, _) as shape if fits(len(samples), columns, shape):
            rows = [GridRow(numbers(n * columns, len(row)), row) for n, row in enumerate(samples.split(columns))]
            save_image_grid(path, rows, title, note)
        case _:
            return []
    return [path]


def numbers(start: int, count: int) -> str:
    """Return the first and the last of `count` numbers from `start` on: ``8–15``."""
    return str(start) if count == 1 else f"{start}–{start + count - 1}"
