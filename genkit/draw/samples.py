"""Samples of a model as one picture."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import GridRow, fits, save_grid
from genkit.draw.scatter import save_scatter

COLUMNS = 8


def save_samples(path: Path, samples: Tensor, title: str, note: str = "", columns: int = COLUMNS) -> list[Path]:
    """Write samples, (N, *data_shape), as a picture if they have one; return its path in a list.

    Images: a grid, each row captioned with the numbers of its samples, counted from 0; none of so many that no program
    would open it. Points in the plane: a scatter.
    """
    match tuple(samples.shape[1:]):
        case (2,):
            save_scatter(path, samples, title, note)
        case (1 | 3, _, _) as shape if fits(len(samples), columns, shape):
            rows = [GridRow(numbers(n * columns, len(row)), row) for n, row in enumerate(samples.split(columns))]
            save_grid(path, rows, title, note)
        case _:
            return []
    return [path]


def numbers(start: int, count: int) -> str:
    """Return the first and the last of `count` numbers: ``8–15``."""
    return str(start) if count == 1 else f"{start}–{start + count - 1}"
