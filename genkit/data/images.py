"""Images that fit into memory: kept as bytes, turned into float numbers batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from genkit.noise import Noise
from genkit.types import Samples


class Arrays(NamedTuple):
    """A whole split."""

    images: np.ndarray  # (N, C, H, W) uint8
    labels: np.ndarray | None  # (N,) integers, where the source has them


@dataclass(frozen=True)
class ImageSet(ABC):
    """Images in [0, 1] with a train and a test split, read when they are first asked for."""

    split: Literal["train", "test"] = "train"  # what is read; the test split is what is held out, always

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one image, (C, H, W), known without reading."""

    @abstractmethod
    def unmet(self) -> tuple[str, ...]:
        """Name what this split lacks on this machine and how to get it."""

    @abstractmethod
    def read(self) -> Arrays:
        """Read the whole split. Raises `UsageError` where that fails."""

    @cached_property
    def arrays(self) -> Arrays:
        """The whole split, read once."""
        return self.read()

    @property
    def size(self) -> int:
        """The number of images; reads the split."""
        return len(self.arrays.images)

    def held_out(self) -> Self:
        """Return the test split, the same object each time so that it is read once."""
        return self._test

    @cached_property
    def _test(self) -> Self:
        return self if self.split == "test" else replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the images at `indices`, (B,), as (B, C, H, W) in [0, 1], and ``extra["label"]``, (B,) int64."""
        chosen = indices.cpu().numpy()
        images, labels = self.arrays
        x = torch.from_numpy(images[chosen]).to(noise.device, noise.dtype) / 255
        if labels is None:
            return Samples(x)
        return Samples(x, {"label": torch.from_numpy(labels[chosen].astype(np.int64)).to(noise.device)})
