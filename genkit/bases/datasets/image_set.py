"""Base class of finite image sets: images as integers, in memory or memory-mapped, converted to floats batch by batch.

A batch is loaded as bytes, and becomes floats on the device of training: bytes are a quarter of what is copied there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from genkit.bases.datasets.keys_only import KeysOnly
from genkit.bases.datasets.picture_keys import SplitKey
from genkit.core.dataset import Raw, Samples
from genkit.core.noise import Noise
from genkit.core.two_steps import batch_in_two_steps
from genkit.storage.mapped_file import check_mapped

WHITE_OF_16_BITS = 65535
IMAGE, LABEL = "image", "label"  # of the tensors that are loaded
FLIP = "flip"
"""Name of the rows to mirror, (B,) bool, among the tensors of a `Raw` of images; absent without flips."""


class Arrays(NamedTuple):
    """All images of a split, and their labels."""

    images: np.ndarray
    """The images, (N, C, H, W) uint8, or uint16 of which 65,535 is white."""
    labels: np.ndarray | None
    """The label of each image, (N,) integers; None without labels."""


@dataclass(frozen=True)
class ImageSet(KeysOnly, ABC):
    """Images in [0, 1] with a train and a test split; a split is read when it is first used."""

    split: SplitKey = "train"

    @property
    def flip(self) -> bool:
        """Whether training pictures are mirrored; a data set that can do so makes it a key."""
        return False

    @property
    def classes(self) -> tuple[int, ...] | None:
        """The labels of the pictures to keep, None for all; a data set with labels makes it a key."""
        return None

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
        """The whole split, read once, or the pictures of some classes. Raises `ValueError` for a class of none."""
        return self.read() if self.classes is None else _of_classes(self.read(), self.classes)

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of images."""

    def has_labels(self) -> bool | None:
        """Return whether the images have labels; None if only reading them shows it."""
        return self.arrays.labels is not None if "arrays" in vars(self) else None

    def class_labels(self) -> Tensor | None:
        """Return the label of each image, (N,) int64; None without labels. Reads the split."""
        labels = self.arrays.labels
        return None if labels is None else torch.from_numpy(np.asarray(labels, np.int64))

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes in the order of their labels; empty if they have none."""
        return ()

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
        return batch_in_two_steps(self, indices, noise)

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Return the bytes of the images at `indices`, (B,), their labels, and which of them are to be mirrored.

        Raises `OSError` if a memory-mapped file was cut short.
        """
        rows = indices.cpu().numpy()
        images, labels = self.arrays
        check_mapped(images)
        flip = self.flip and self.split == "train"
        return raw_images(images[rows], None if labels is None else labels[rows], noise, flip=flip)

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the images in [0, 1], (B, C, H, W), and their labels."""
        return finished_images(raw, noise)


def _of_classes(arrays: Arrays, classes: tuple[int, ...]) -> Arrays:
    """Return the images and labels of these classes, in their order."""
    images, labels = arrays
    if labels is None:
        raise ValueError("classes: these pictures have no labels. Leave the key out")
    if unknown := set(classes) - set(labels.tolist()):
        known = ", ".join(map(str, sorted(set(labels.tolist()))))
        raise ValueError(f"classes: no picture has the label {min(unknown)}. The labels are {known}")
    kept = np.isin(labels, classes)
    return Arrays(images[kept], labels[kept])


def raw_images(images: np.ndarray, labels: np.ndarray | None, noise: Noise, *, flip: bool) -> Raw:
    """Return images, (B, C, H, W), labels, (B,), if any, and with `flip` about half of the rows, to be mirrored.

    The images are uint8 or uint16. `finished_images` changes them in place.
    """
    if images.dtype == np.dtype("<u2"):  # torch has few operations of uint16 on accelerators: send its bits as int16
        images = images.astype(np.uint16, copy=False).view(np.int16)
    tensors = {IMAGE: torch.from_numpy(images)}
    if labels is not None:
        tensors[LABEL] = torch.from_numpy(labels.astype(np.int64))
    if flip:
        tensors[FLIP] = noise.randint("flip", 2).bool()  # (B,), a function of the step like all randomness
    return Raw(tensors)


def finished_images(raw: Raw, noise: Noise) -> Samples:
    """Mirror the images that `raw_images` has chosen, and convert all to floats in [0, 1]."""
    images, flip = raw.tensors[IMAGE], raw.tensors.get(FLIP)
    if flip is not None:
        images = _mirrored(images, flip)
    x = _in_unit_range(images, noise.dtype)
    return Samples(x, {LABEL: raw.tensors[LABEL]} if LABEL in raw.tensors else {})


def _in_unit_range(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return images as fractions of white. int16 holds the bits of uint16."""
    if images.dtype == torch.int16:
        return (images.to(torch.int32) & WHITE_OF_16_BITS).to(dtype).div_(WHITE_OF_16_BITS)
    return images.to(dtype).div_(255)


def _mirrored(images: Tensor, rows: Tensor) -> Tensor:
    if images.device.type != "cpu":
        return torch.where(rows[:, None, None, None], images.flip(-1), images)
    pixels, chosen = images.numpy(), rows.numpy()
    pixels[chosen] = flip_horizontally(pixels[chosen])
    return images


def flip_horizontally(images: np.ndarray) -> np.ndarray:
    """Return images, (B, C, H, W), with left and right exchanged."""
    if images.dtype != np.uint8 or images.shape[-1] % 8:
        return images[..., ::-1]
    # Eight pixels at a time: words in reverse order, with their bytes reversed. This takes half the time.
    return np.ascontiguousarray(images).view(np.uint64)[..., ::-1].byteswap().view(np.uint8)
