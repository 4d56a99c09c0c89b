"""Base class of finite image sets: images as bytes, in memory or memory-mapped, converted to floats batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from genkit.core.noise import Noise
from genkit.core.types import Samples
from genkit.parts.datasets.base.picture_keys import SplitKey
from genkit.storage.mapped_file import check_mapped


class Arrays(NamedTuple):
    """All images of a split, and their labels."""

    images: np.ndarray  # (N, C, H, W) uint8
    labels: np.ndarray | None  # (N,) integers; None without labels


@dataclass(frozen=True)
class ImageSet(ABC):
    """Images in [0, 1] with a train and a test split; a split is read when it is first used."""

    split: SplitKey = "train"

    @property
    def flip(self) -> bool:
        """Whether training pictures are mirrored; a data set that can do so makes it a key."""
        return False

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one image, (C, H, W), known without reading."""

    @abstractmethod
    def unmet(self) -> tuple[str, ...]:
        """Return a message for each thing that this split needs and that is missing on this machine."""

    @abstractmethod
    def read(self) -> Arrays:
        """Read the whole split. Raises `UsageError` if that fails."""

    @cached_property
    def arrays(self) -> Arrays:
        """The whole split, read once."""
        return self.read()

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of images."""

    def held_out(self) -> Self:
        """Return the test split, the same object each time, so that it is read once."""
        return self._test

    @cached_property
    def _test(self) -> Self:
        return self if self.split == "test" else replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the images at `indices`, (B,), as (B, C, H, W) in [0, 1], and ``extra["label"]``, (B,) int64.

        Raises `OSError` if a memory-mapped file was cut short.
        """
        rows = indices.cpu().numpy()
        images, labels = self.arrays
        check_mapped(images)
        flip = self.flip and self.split == "train"
        return to_samples(images[rows], None if labels is None else labels[rows], noise, flip=flip)


def to_samples(images: np.ndarray, labels: np.ndarray | None, noise: Noise, *, flip: bool) -> Samples:
    """Convert images, (B, C, H, W) uint8, to floats in [0, 1], and add their labels, (B,), if any.

    With `flip`, about half of the images are mirrored; `images` is changed in place.
    """
    if flip:
        rows = noise.randint("flip", 2).bool().cpu().numpy()  # (B,), a function of the step like all randomness
        images[rows] = flip_horizontally(images[rows])
    x = torch.from_numpy(images).to(noise.device, noise.dtype).div_(255)
    if labels is None:
        return Samples(x)
    return Samples(x, {"label": torch.from_numpy(labels.astype(np.int64)).to(noise.device)})


def flip_horizontally(images: np.ndarray) -> np.ndarray:
    """Return contiguous images, (B, C, H, W) uint8, with left and right exchanged."""
    if images.shape[-1] % 8:
        return images[..., ::-1]
    # Eight pixels at a time: words in reverse order, with their bytes reversed. This takes half the time.
    return images.view(np.uint64)[..., ::-1].byteswap().view(np.uint8)
