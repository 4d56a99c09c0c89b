"""Images as bytes, in memory or memory-mapped, turned into float numbers batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from genkit.core.field_types import Doc
from genkit.core.noise import Noise
from genkit.core.types import Samples


class Arrays(NamedTuple):
    """A whole split."""

    images: np.ndarray  # (N, C, H, W) uint8
    labels: np.ndarray | None  # (N,) integers, where the source has them


@dataclass(frozen=True)
class ImageSet(ABC):
    """Images in [0, 1] with a train and a test split, read when they are first asked for."""

    split: Annotated[Literal["train", "test"], Doc("what is read; the test split is what is held out, always")] = (
        "train"
    )

    flip = False  # no key, unless a data set makes it one: half of what is trained on is then mirrored, each time anew

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
    @abstractmethod
    def size(self) -> int:
        """The number of images."""

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
        flip = self.flip and self.split == "train"
        return samples(images[chosen], None if labels is None else labels[chosen], noise, flip=flip)


def samples(images: np.ndarray, labels: np.ndarray | None, noise: Noise, *, flip: bool) -> Samples:
    """Return images, (B, C, H, W) uint8, in [0, 1], and labels, (B,). `flip` mirrors half of the bytes, in place."""
    if flip:
        chosen = noise.randint("flip", 2).bool().cpu().numpy()  # (B,), a function of the step, as all randomness is
        images[chosen] = mirrored(images[chosen])
    x = torch.from_numpy(images).to(noise.device, noise.dtype).div_(255)
    if labels is None:
        return Samples(x)
    return Samples(x, {"label": torch.from_numpy(labels.astype(np.int64)).to(noise.device)})


def mirrored(images: np.ndarray) -> np.ndarray:
    """Return contiguous images, (B, C, H, W) uint8, with left and right exchanged."""
    if images.shape[-1] % 8:
        return images[..., ::-1]
    # Eight pixels at a time, as words in reverse order with their bytes reversed: half the time.
    return images.view(np.uint64)[..., ::-1].byteswap().view(np.uint8)
