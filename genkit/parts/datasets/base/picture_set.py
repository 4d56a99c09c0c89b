"""Pictures of any size and kind, prepared once and then read at memory speed: what all such data sets share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.types import Dataset
from genkit.errors import UsageError
from genkit.parts.datasets.base.image_set import Arrays, ImageSet
from genkit.parts.datasets.pictures.decode import bad_pictures
from genkit.parts.datasets.pictures.hf_datasets import unmet_hub
from genkit.parts.datasets.pictures.prepare import prepare
from genkit.parts.datasets.pictures.source import Source, count
from genkit.parts.datasets.pictures.store import Store
from genkit.parts.datasets.pictures.transform import Background, Crop, Filter, Transform, transform_of
from genkit.storage.cache import cache_folder


@dataclass(frozen=True, kw_only=True)
class PictureSet(ImageSet):
    """Pictures of a source, made into bytes of one shape."""

    resolution: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt],
        Doc("of what the network sees: one number for a square, or [height, width]"),
    ]
    channels: Annotated[Literal[1, 3], Doc("grey or colour, whatever the pictures are")] = 3
    crop: Annotated[
        Crop, Doc('"none" distorts to the shape; "centre"; a centred box, N or [H, W]; or its four sides')
    ] = "none"
    filter: Annotated[Filter, Doc("of Pillow, antialiased where it shrinks")] = "bicubic"
    background: Annotated[Background, Doc("what shows through alpha: a level in 0..255, or [red, green, blue]")] = 255
    flip: Annotated[bool, Doc("mirror each training picture with probability 1/2, each time anew")] = False
    on_bad: Annotated[Literal["refuse", "skip"], Doc("of pictures that cannot be used")] = "refuse"
    store: Annotated[Path | None, Doc("where prepared pictures are kept; genkit's cache folder unless given")] = None

    def __post_init__(self) -> None:
        _ = self.transform  # raises `ValueError` for a crop that is none

    @abstractmethod
    def source(self) -> Source:
        """List what this split has, without decoding it. Raises `UsageError` where it has nothing."""

    @property
    def library(self) -> str | None:
        """The `hub` that the `datasets` library is to open, if any: what it has is known only when it is loaded."""
        return None

    @cached_property
    def transform(self) -> Transform:
        """What each picture goes through."""
        return transform_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the network sees."""
        return self.transform.shape

    @cached_property
    def listed(self) -> Source:
        """What this split has, listed once."""
        return self.source()

    def unmet(self) -> tuple[str, ...]:
        """Name what is absent and how to get it."""
        if "prepared" in vars(self):
            return ()
        if self.library is not None:
            return unmet_hub(self.library)
        try:
            _ = self.listed
        except UsageError as error:
            return (str(error),)
        return ()

    @property
    def size(self) -> int:
        """The number of pictures: as listed, or with ``on_bad = "skip"`` as prepared, since only that tells."""
        prepared = "arrays" in vars(self) or self.on_bad == "skip"
        return len(self.arrays.images) if prepared else len(self.listed)

    @property
    def root(self) -> Path:
        """The folder of prepared pictures."""
        return cache_folder() / "pictures" if self.store is None else self.store.expanduser().absolute()

    @cached_property
    def prepared(self) -> Store:
        """The prepared pictures; prepares them unless that has been done. Raises `UsageError`."""
        return prepare(self.source, self.transform, self.root)

    def read(self) -> Arrays:
        """Return the prepared pictures. Raises `UsageError` for bad ones, unless they are to be skipped."""
        self.check_bad(self.prepared)
        vars(self).pop("listed", None)  # millions of names, which nobody asks for again
        return self.prepared.arrays

    def check_bad(self, store: Store) -> None:
        """Raise `UsageError` if pictures are missing from the store, and the recipe does not skip them."""
        if store.bad and self.on_bad == "refuse":
            total = len(store.bad) + store.about["shape"][0]
            raise bad_pictures(store.bad, total, f"{store.about['source']}, {self.split} split")


def skipped(*splits: Dataset) -> Iterator[str]:
    """Tell how many pictures each split goes without."""
    for data in splits:
        if isinstance(data, PictureSet) and data.prepared.bad:
            bad = count(len(data.prepared.bad), "picture")
            yield f"{bad} of the {data.split} split left out, as on_bad says; `genkit data check RECIPE` names them."
