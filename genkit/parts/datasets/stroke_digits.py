"""The packaged digits with a pasted stroke, and the mask of the pixels that it changed.

A stroke is a line of three segments of 4 to 8 pixels, which turns by at most 60 degrees at each of its two corners. Its
pixels, those within half its width of the line, get one brightness, so it has no soft edge. Where it lies is a function
of the seed, the split and the number of the digit in the split; the class of the digit has no influence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from genkit.api import MASK, Arrays, Doc, Noise, NonNegativeInt, Raw, Rows, Samples
from genkit.parts.datasets.digits import Digits

SEGMENTS = 3
LENGTHS = 4.0, 8.0  # of a segment, pixels
TURN = math.pi / 3  # largest turn at a corner
BORDER = 6.0  # distance of the start from the sides of the image, at least


@dataclass(frozen=True)
class StrokeDigits(Digits):
    """Digits with a pasted stroke; ``extra["mask"]``, (B, 28, 28) bool, marks the pixels that it changed."""

    width: Annotated[
        Annotated[float, Ge(1), Le(14)],
        Doc("Width of the stroke in pixels; a narrower one has gaps, and a wider one hides the digit."),
    ] = 2.0
    brightness: Annotated[
        Annotated[float, Ge(0), Le(1)],
        Doc("Brightness of the stroke, up to 1, white; 0 is black, which is seen only where it crosses the digit."),
    ] = 0.7
    share: Annotated[
        Annotated[float, Gt(0), Le(1)],
        Doc("Share of the digits that get a stroke; the others are normal, so metrics of samples want 1."),
    ] = 1.0
    stroke_seed: Annotated[NonNegativeInt, Doc("Seed of the strokes.")] = 0

    @property
    def labels_are_digits(self) -> bool:
        """False: strokes hide parts of the digits, so a classifier of digits does not apply."""
        return False

    @property
    def has_masks(self) -> Literal[True]:
        """True."""
        return True

    @property
    def unaltered(self) -> Digits | None:
        """The digits, of which those without a stroke are also here; None if every digit gets one."""
        return Digits(split=self.split, classes=self.classes) if self.share < 1 else None

    @cached_property
    def whole_split(self) -> tuple[Arrays, np.ndarray]:
        """All digits of the split with their strokes, and their masks, (N, 28, 28) bool."""
        before = super().read()
        inside = self._strokes(len(before.images), *before.images.shape[2:])
        images = np.where(inside[:, None], np.uint8(round(self.brightness * 255)), before.images)
        return Arrays(images, before.labels), (images != before.images).any(axis=1)

    def read(self) -> Arrays:
        """Return the whole split with its strokes, (N, 1, 28, 28) and (N,).

        Raises `ValueError` if no digit of the chosen classes gets a stroke.
        """
        if len(self.masks) and not self.masks.any():
            raise ValueError(f"share: no digit of the {self.split} split gets a stroke. Give a larger share")
        return self.whole_split[0]

    @cached_property
    def masks(self) -> np.ndarray:
        """The masks of the digits of the chosen classes, (N, 28, 28) bool."""
        arrays, masks = self.whole_split
        if self.classes is None or arrays.labels is None:
            return masks
        return masks[np.isin(arrays.labels, self.classes)]

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Return the bytes of the digits, their labels and their masks."""
        raw = super().load(indices, noise)
        return raw._replace(tensors={**raw.tensors, MASK: torch.from_numpy(self.masks[indices.cpu().numpy()])})

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the digits in [0, 1], their labels and their masks."""
        samples = super().finish(raw, noise)
        return samples._replace(extra={**samples.extra, MASK: raw.tensors[MASK]})

    def _strokes(self, number: int, height: int, width: int) -> np.ndarray:
        """Return which pixels are within half the width of a stroke, (N, H, W), read-only."""
        return _strokes(self.stroke_seed, self._source, self.share, self.width, number, height, width)

    @property
    def _source(self) -> str:
        return f"stroke-digits/{self.split}"


@lru_cache(maxsize=8)  # each metric of a recipe has a data set of its own, and most of these are equal
def _strokes(
    seed: int, source: str, share: float, thickness: float, number: int, height: int, width: int
) -> np.ndarray:
    corners = _corners(seed, source, number, height, width)
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1) + 0.0
    inside = np.zeros((number, height, width), bool)
    for start, end in pairwise(corners):
        along = (end - start)[:, None, None]  # (N, 1, 1, 2)
        from_start = places - start[:, None, None]  # (N, H, W, 2)
        part = ((from_start * along).sum(-1) / (along**2).sum(-1)).clip(0, 1)
        inside |= np.square(from_start - part[..., None] * along).sum(-1) <= (thickness / 2) ** 2
    chosen = Noise(seed, 0, source, Rows.all(number)).rand("chosen").numpy() < share
    inside &= chosen[:, None, None]
    inside.flags.writeable = False  # all data sets with these keys share it
    return inside


def _corners(seed: int, source: str, number: int, height: int, width: int) -> np.ndarray:
    """Return the corners of the strokes, (SEGMENTS + 1, N, 2): rows and columns in pixels."""
    noise = Noise(seed, 0, source, Rows.all(number))
    start = BORDER + noise.rand("start", 2).double().numpy() * (np.array([height, width]) - 1 - 2 * BORDER)
    angles = 2 * math.pi * noise.rand("angle", 1).double().numpy()
    turns = TURN * (2 * noise.rand("turn", SEGMENTS - 1).double().numpy() - 1)
    angles = angles + np.concatenate([np.zeros((number, 1)), turns.cumsum(axis=1)], axis=1)
    shortest, longest = LENGTHS
    lengths = shortest + (longest - shortest) * noise.rand("length", SEGMENTS).double().numpy()
    steps = lengths[..., None] * np.stack([np.sin(angles), np.cos(angles)], axis=-1)  # (N, SEGMENTS, 2)
    corners: np.ndarray = np.concatenate([start[None], start + steps.cumsum(axis=1).swapaxes(0, 1)])
    return corners
