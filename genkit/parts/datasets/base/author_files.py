"""Small sets in the files of their authors, which are bytes of one shape already: nothing has to be prepared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.folder_or_hub import check_one
from genkit.parts.datasets.base.image_set import Arrays, ImageSet
from genkit.parts.datasets.pictures.hf_datasets import read_pictures, unmet_hub


@dataclass(frozen=True)
class PublishedSet(ImageSet):
    """The images of a folder (`path`) or of the `datasets` library (`hub`), exactly one of them.

    Raises `ValueError` unless exactly one is given.
    """

    path: Annotated[Path | None, Doc("a folder with the files as distributed by their authors")] = None
    hub: Annotated[str | None, Doc("an id, or a folder that `datasets` can open")] = None

    NAME: ClassVar[str]
    SHAPE: ClassVar[tuple[int, int, int]]  # of one image, (C, H, W)
    FILES: ClassVar[Mapping[str, tuple[str, ...]]]  # names by split
    KIND: ClassVar[str]  # what the files are, for a message: "the four idx files"
    SUFFIX: ClassVar[str]  # what a message says after the names of files
    EXAMPLE: ClassVar[str]  # an id that has the set

    def __post_init__(self) -> None:
        check_one(self.path, self.hub, f"of {self.KIND}", self.EXAMPLE)

    @abstractmethod
    def read_files(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        """Return images, (N, H, W) or (N, H, W, C) uint8, and labels, (N,), of the files of a split."""

    @abstractmethod
    def file(self, name: str) -> Path:
        """Return where the file of this name is, or would be."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.SHAPE

    @property
    def size(self) -> int:
        """The number of images; reads the split."""
        return len(self.arrays.images)

    @property
    def folder(self) -> Path:
        """The folder that `path` names."""
        return Path(str(self.path)).expanduser().absolute()

    def unmet(self) -> tuple[str, ...]:
        """Name the files of this split that are absent, the folder that was looked at, and how to get them."""
        if self.path is None:
            return unmet_hub(str(self.hub))
        missing = [name for name in self.FILES[self.split] if not self.file(name).exists()]
        if not missing:
            return ()
        return (
            f"[data] path: {self.folder} has no {' and no '.join(missing)}{self.SUFFIX}, which the {self.split} split "
            f"needs. Put {self.KIND} of {self.NAME} as distributed by its authors there, "
            f'or give hub = "{self.EXAMPLE}" instead of path.',
        )

    def read(self) -> Arrays:
        """Read the whole split, (N, C, H, W) and (N,). Raises `UsageError` where that fails."""
        if unmet := self.unmet():
            raise UsageError("\n".join(unmet))
        channels, height, width = self.SHAPE
        labels: np.ndarray | None
        if self.path is None:
            images, labels = read_pictures(str(self.hub), self.split, "L" if channels == 1 else "RGB")
        else:
            images, labels = self.read_files([self.file(name) for name in self.FILES[self.split]])

        where = self.folder if self.path else f"hub = {self.hub!r}"
        wanted = (height, width) if channels == 1 else (height, width, channels)
        if images.shape[1:] != wanted:
            raise UsageError(
                f"{where}: the images of the {self.split} split are {images.shape}, expected "
                f"(N, {', '.join(map(str, wanted))})."
            )
        if labels is not None and labels.shape != images.shape[:1]:
            raise UsageError(
                f"{where}: the labels of the {self.split} split are {labels.shape}, expected ({len(images)},)."
            )
        return Arrays(images[:, None] if channels == 1 else np.ascontiguousarray(np.moveaxis(images, -1, 1)), labels)
