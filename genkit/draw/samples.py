"""Picture of samples of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from genkit.draw.image_grid import GridRow, fits, save_image_grid
from genkit.draw.scatter import save_point_samples

COLUMNS = 8


def save_samples(
    path: Path, samples: Tensor, title: str, note: str = "", columns: int = COLUMNS, groups: Sequence[str] = ()
) -> list[Path]:
    """Write samples, (N, *data_shape), as PNG. Return the list of written files.

    Images: a grid, with the numbers of the samples, counted from 0, to the left of each row; or, for `groups` of equal
    size in this order, the name of the group to the left of its first row. Points in the plane: a scatter
    plot. Samples of other shapes, and grids too large to open, have no picture, and the list is empty.
    """
    match tuple(samples.shape[1:]):
        case (2,):
            save_point_samples(path, samples, title, note)
        case (1 | 3, _, _) as shape if fits(len(samples), columns, shape):
            save_image_grid(path, _rows(samples, columns, groups), title, note)
        case _:
            return []
    return [path]


def _rows(samples: Tensor, columns: int, groups: Sequence[str]) -> list[GridRow]:
    if not groups:
        return [GridRow(numbers(n * columns, len(row)), row) for n, row in enumerate(samples.split(columns))]
    rows = []
    for name, group in zip(groups, samples.chunk(len(groups)), strict=True):
        first, *others = group.split(columns)
        rows += [GridRow(name, first), *(GridRow("", row) for row in others)]
    return rows


def numbers(start: int, count: int) -> str:
    """Return the first and the last of `count` numbers from `start` on: ``8–15``."""
    return str(start) if count == 1 else f"{start}–{start + count - 1}"
