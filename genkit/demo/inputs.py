"""Inputs of a form: seeds, points that are typed in, and pictures that are dropped in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.user_pictures import centred_transform, open_user_pictures, transform_for
from genkit.core.dataset import Dataset
from genkit.errors import UsageError
from genkit.runs.trained_models.trained import Trained, levels_of

LARGEST_SEED = 2**53 - 1  # the largest whole number that a browser keeps exactly


class Given(NamedTuple):
    """One sample of a form."""

    x: Tensor  # (1, *data_shape), images in [0, 1]
    remark: str = ""  # what a user must know about how it was read


def seed_of(value: Any, name: str = "Seed") -> int:
    """Return a seed. Raises `UsageError` unless it is a whole number from 0 on."""
    if isinstance(value, (int, float)) and math.isfinite(value) and value == int(value) and 0 <= value <= LARGEST_SEED:
        return int(value)
    raise UsageError(f"{name}: expected a whole number from 0 to {LARGEST_SEED:,}.")


def number_of(value: Any, most: int) -> int:
    """Return a number of samples. Raises `UsageError` unless it is a whole number from 1 to `most`."""
    if isinstance(value, (int, float)) and math.isfinite(value) and value == int(value) and 1 <= value <= most:
        return int(value)
    raise UsageError(f"Number: expected a whole number from 1 to {most:,}.")


def transform_of_pictures(trained: Trained, data: Dataset | None) -> Transform:
    """Return the transform of user pictures, which is that of `genkit score` if the data set of the run is known."""
    shape = trained.model.data_shape
    return centred_transform(shape, levels_of(trained)) if data is None else transform_for(data, shape)


def read_picture(path: Path, transform: Transform) -> Given:
    """Return a picture as the model takes it, prepared as `genkit score` prepares it.

    Raises `UsageError`, which begins with the name of the file, unless it is one picture that can be used.
    """
    name = path.name
    try:
        pictures = open_user_pictures(path, transform, "picture")
        if len(pictures) != 1:
            raise UsageError(f"picture {path}: holds {len(pictures):,} pictures. Give one.")
        x = pictures.chunk(0, 1)
        pictures.refuse_flat()
    except UsageError as error:
        raise UsageError(str(error).replace(f"picture {path}", name)) from None
    return Given(x, pictures.remark().replace(f"picture {path}", name))


def read_point(text: str) -> Given:
    """Return a point of the plane from a text such as ``0.5, -1``. Raises `UsageError` for another text."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f'Point: found "{text}", expected two numbers, x and y, such as 0.5, -1.') from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise UsageError(f'Point: found "{text}", expected finite numbers, such as 0.5, -1.')
    return Given(torch.tensor([[x, y]], dtype=torch.float64))
