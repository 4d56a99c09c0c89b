"""What a command has drawn, as a small picture in the terminal; nothing where the terminal shows no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genkit.console.blocks import print_picture, space_for_picture
from genkit.console.output import Console
from genkit.draw.glance import glance, glance_at_rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def show_samples(samples: Tensor | np.ndarray, console: Console | None = None, heading: str = "") -> None:
    """Show the first images of (N, C, H, W), or the points of (N, 2), below a heading."""
    console = console or Console()
    if (space := space_for_picture(console)) and (pixels := glance(_array(samples), *space)) is not None:
        if heading:
            console.print(heading)
        print_picture(console, pixels)


def show_rows(rows: Sequence[Tensor], *, whole: bool = False) -> None:
    """Show rows of images below each other; with `whole`, the images are as small as whole rows need."""
    console = Console()
    if space := space_for_picture(console):
        pixels = glance_at_rows([_array(row) for row in rows], *space, whole=whole)
        if pixels is not None:
            print_picture(console, pixels)


def _array(samples: Tensor | np.ndarray) -> np.ndarray:
    import torch

    return samples.float().numpy() if isinstance(samples, torch.Tensor) else samples
