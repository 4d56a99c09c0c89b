"""What the network will see, as a picture: the batch of the first step, and pictures that are held out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genkit.core.data_order import indices_of_step
from genkit.core.noise import Noise, Rows
from genkit.draw.image_grid import GridRow, save_grid
from genkit.recipe.plan import Plan

COLUMNS, ROWS = 8, 4  # of each split


def save_data_preview(path: Path, plan: Plan) -> None:
    """Write the grid: of the first batch as many as fit, in its order and with its flips."""
    data, held_out = plan.data, plan.data.held_out()
    batch = plan.recipe.train.batch_size if data.size is None else min(plan.recipe.train.batch_size, data.size)
    noise = Noise(plan.recipe.seed, 0, "data", Rows.all(batch))
    trained = data.batch(indices_of_step(plan.recipe.seed, 0, batch, data.size), noise).x[: COLUMNS * ROWS]

    size = COLUMNS * ROWS if held_out.size is None else held_out.size
    number = min(COLUMNS * ROWS, size)
    spread = torch.arange(number) * size // number  # folders stand in the order of their classes
    kept = held_out.batch(spread, Noise(plan.recipe.seed, 0, "preview-data", Rows.all(number))).x

    channels, height, width = data.shape
    colour = "grey" if channels == 1 else "colour"
    title = f"{plan.recipe.title}: {width} x {height}, {colour}"
    save_grid(path, [*_rows("first batch", trained), *_rows("held out", kept)], title)


def _rows(caption: str, images: Tensor) -> list[GridRow]:
    return [GridRow(caption if index == 0 else "", row) for index, row in enumerate(images.split(COLUMNS))]
