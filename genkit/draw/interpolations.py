"""Picture of decoded paths between latent codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.draw.scatter import save_point_interpolations

CAPTION = 12  # characters of a file name in the caption of a path


def save_interpolations(
    path: Path, decoded: Tensor, ends: Tensor | None, captions: Sequence[str], title: str, note: str = ""
) -> list[Path]:
    """Write decoded paths, (N, S, *data_shape), as PNG. Return the list of written files.

    Images: one row a path, with its caption, the progress t above each column, and the two inputs at the ends. Points
    in the plane: one line a path. Samples of other shapes have no picture, and the list is empty. `ends`,
    (N, 2, *data_shape), are the two inputs of each path; None for paths between draws from the prior.
    """
    match tuple(decoded.shape[2:]):
        case (2,):
            save_point_interpolations(path, decoded, ends, title, note)
        case (1 | 3, _, _):
            headings = [f"t = {t:.2f}".replace("t = 0.00", "t = 0").replace("1.00", "1") for t in _progress(decoded)]
            if ends is not None:
                decoded = torch.cat([ends[:, :1], decoded, ends[:, 1:]], dim=1)
                headings = ["input", *headings, "input"]
            rows = [GridRow(caption, row) for caption, row in zip(captions, decoded, strict=True)]
            save_image_grid(path, rows, title, note, headings)
        case _:
            return []
    return [path]


def _progress(decoded: Tensor) -> list[float]:
    return torch.linspace(0, 1, decoded.shape[1]).tolist()


def caption_paths(names: Sequence[str], number: int) -> list[str]:
    """Return a caption for each of `number` paths, ``FIRST → SECOND``: path k connects samples k and number + k.

    `names` are those of the 2 · number samples, shortened here; samples without names are numbered.
    """
    shown = [_short(name) for name in names] or [str(place) for place in range(2 * number)]
    return [f"{shown[k]} → {shown[number + k]}" for k in range(number)]


def _short(name: str) -> str:
    """Return the end of a file's stem: numbered files differ there."""
    stem = Path(name).stem
    return stem if len(stem) <= CAPTION else f"…{stem[1 - CAPTION :]}"
