"""Base class of small published sets, read from the files of their authors: bytes of one shape, never prepared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from genkit.bases.datasets.image_set import Arrays, ImageSet
from genkit.bases.datasets.picture_keys import ClassesKey, HubKey, check_one_place
from genkit.bases.pictures.hf_datasets import read_pictures
from genkit.bases.pictures.hub_folder import unmet_hub
from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.storage.user_path import user_path


@dataclass(frozen=True)
class PublishedSet(ImageSet):
    """The images of a folder (`path`) or of a hub id (`hub`). Raises `ValueError` unless exactly one is given."""

    path: Annotated[Path | None, Doc("Folder with the files that the authors of the set distribute.")] = None
    hub: HubKey = None
    classes: ClassesKey = None

    NAME: ClassVar[str]  # of the set, as messages write it
    SHAPE: ClassVar[tuple[int, int, int]]  # of one image, (C, H, W)
    FILES: ClassVar[Mapping[str, tuple[str, ...]]]  # names of the files, by split
    KIND: ClassVar[str]  # the files, as messages call them: "the four idx files"
    SUFFIX: ClassVar[str]  # what messages add after the names of files: " (with or without .gz)"
    EXAMPLE: ClassVar[str]  # a hub id of the set

    def __post_init__(self) -> None:
        check_one_place(self.path, self.hub, f"the folder of {self.KIND}", self.EXAMPLE)

    @abstractmethod
    def read_files(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        """Return the images, (N, H, W) or (N, H, W, C) uint8, and the labels, (N,), in the files of a split."""

    @abstractmethod
    def file(self, name: str) -> Path:
        """Return the path of the file with this name; the file need not exist."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image, (C, H, W)."""
        return self.SHAPE

    @property
    def size(self) -> int:
        """The number of images; reads the split."""
        return len(self.arrays.images)

    @property
    def folder(self) -> Path:
        """The folder `path`, as an absolute path."""
        return user_path(str(self.path)).absolute()

    def unmet(self) -> tuple[str, ...]:
        """Return a message with the missing files of this split, their folder, and how to get them."""
        if self.path is None:
            return unmet_hub(str(self.hub))
        missing = [name for name in self.FILES[self.split] if not self.file(name).exists()]
        if not missing:
            return ()
        needed_by = f", needed by the {self.split} split"
        of_all = [name for names in self.FILES.values() for name in names]
        if not any(self.file(name).exists() for name in of_all):  # the message of both splits, so it is printed once
            missing, needed_by = of_all, ""
        return (
            f"[data] path: not found in {self.folder}: {', '.join(missing)}{self.SUFFIX}{needed_by}. "
            f"Put {self.KIND} of {self.NAME} there, as the authors distribute them, "
            f'or set hub = "{self.EXAMPLE}" instead of path.',
        )

    def has_labels(self) -> bool | None:
        """Return True for the files of the authors; a hub id may have another form."""
        return True if self.hub is None else super().has_labels()

    def read(self) -> Arrays:
        """Read the whole split, (N, C, H, W) and (N,). Raises `UsageError` if that fails."""
        if unmet := self.unmet():
            raise UsageError("\n".join(unmet))
        channels = self.SHAPE[0]
        labels: np.ndarray | None
        if self.path is None:
            images, labels = read_pictures(str(self.hub), self.split, "L" if channels == 1 else "RGB")
        else:
            images, labels = self.read_files([self.file(name) for name in self.FILES[self.split]])
        self._check_shapes(images, labels)
        return Arrays(images[:, None] if channels == 1 else np.ascontiguousarray(np.moveaxis(images, -1, 1)), labels)

    def _check_shapes(self, images: np.ndarray, labels: np.ndarray | None) -> None:
        where = self.folder if self.path else f"hub = {self.hub!r}"
        channels, height, width = self.SHAPE
        expected = (height, width) if channels == 1 else (height, width, channels)
        if images.shape[1:] != expected:
            raise UsageError(
                f"[data] {where}: the images of the {self.split} split have shape {images.shape}, expected "
                f"(N, {', '.join(map(str, expected))})."
            )
        if labels is not None and labels.shape != images.shape[:1]:
            raise UsageError(
                f"[data] {where}: the labels of the {self.split} split have shape {labels.shape}, expected "
                f"({len(images)},)."
            )
