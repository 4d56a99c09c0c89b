"""Picture of the data as the network sees them: the batch of the first step, and held-out samples."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genkit.core.data_order import indices_of_step
from genkit.core.noise import Noise, Rows
from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.recipe.plan import Plan

COLUMNS = 8


def save_data_preview(path: Path, plan: Plan, number: int = 32) -> None:
    """Write a grid of images as PNG: the start of the first batch, with its order and flips, and held-out images.

    There are at most `number` images of each. Raises `OSError` if the file cannot be written.
    """
    channels, height, width = plan.data.shape
    colour = "grey" if channels == 1 else "colour"
    title = f"{plan.recipe.title}: {width} x {height}, {colour}"
    rows = [*_rows("first batch", _first_batch(plan, number)), *_rows("held out", _held_out(plan, number))]
    save_image_grid(path, rows, title)


def _first_batch(plan: Plan, number: int) -> Tensor:
    """Return the first images of the batch of the first step, at most `number`."""
    data, seed = plan.data, plan.recipe.seed
    size = plan.recipe.train.batch_size if data.size is None else min(plan.recipe.train.batch_size, data.size)
    noise = Noise(seed, 0, "data", Rows.all(size))
    return data.batch(indices_of_step(seed, 0, size, data.size), noise).x[:number]


def _held_out(plan: Plan, number: int) -> Tensor:
    """Return images spread over the held-out split, at most `number`."""
    held_out = plan.data.held_out()
    size = number if held_out.size is None else held_out.size
    number = min(number, size)
    indices = torch.arange(number) * size // number  # image folders are sorted by class
    return held_out.batch(indices, Noise(plan.recipe.seed, 0, "preview-data", Rows.all(number))).x


def _rows(caption: str, images: Tensor) -> list[GridRow]:
    return [GridRow(caption if index == 0 else "", row) for index, row in enumerate(images.split(COLUMNS))]
