"""Base class of data sets whose pictures have any size and format: prepared once, then read at memory speed."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from genkit.bases.datasets.image_set import Arrays, ImageSet
from genkit.bases.datasets.picture_keys import (
    BackgroundKey,
    ChannelsKey,
    CropKey,
    FilterKey,
    FlipKey,
    OnBadKey,
    ResolutionKey,
    StoreKey,
)
from genkit.bases.pictures.bad_pictures import BadPicture, bad_pictures_error
from genkit.bases.pictures.file_keys import picture_keys
from genkit.bases.pictures.hub_folder import unmet_hub
from genkit.bases.pictures.levels import Levels
from genkit.bases.pictures.prepare import prepare
from genkit.bases.pictures.source import (
    Source,
    SourceWithClasses,
    SourceWithGroups,
    SourceWithRemarks,
    shown_name,
    whole_source,
)
from genkit.bases.pictures.store import Store
from genkit.bases.pictures.transform import Transform, transform_of
from genkit.errors import UsageError
from genkit.storage.cache import cache_folder
from genkit.storage.user_path import user_path


@dataclass(frozen=True, kw_only=True)
class PictureSet(ImageSet):
    """The pictures of a source, transformed to bytes of one shape. Raises `ValueError` for an empty crop."""

    resolution: ResolutionKey
    channels: ChannelsKey = 3
    crop: CropKey = "none"
    filter: FilterKey = "bicubic"
    background: BackgroundKey = 255
    flip: FlipKey = False
    on_bad: OnBadKey = "refuse"
    store: StoreKey = None

    def __post_init__(self) -> None:
        _ = self.transform  # raises `ValueError` for an empty crop

    @abstractmethod
    def source(self) -> Source:
        """List the pictures of this split without decoding them. Raises `UsageError` if there is none."""

    @property
    def library(self) -> str | None:
        """The hub id or folder that the `datasets` library opens; None if this set does not use the library."""
        return None

    @property
    def levels(self) -> Levels | None:
        """The values that become black and white; a data set that can declare them makes them keys."""
        return None

    @cached_property
    def transform(self) -> Transform:
        """The transform of each picture."""
        return transform_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the images that the network sees, (C, H, W)."""
        return self.transform.shape

    @cached_property
    def listed(self) -> Source:
        """The pictures of this split, listed once."""
        return self.source()

    def unmet(self) -> tuple[str, ...]:
        """Return why the pictures cannot be listed; for a hub id, nothing is known before it is loaded."""
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
    def remarks(self) -> tuple[str, ...]:
        """What a user may not expect of the listed files; of a hub id only its groups, once it has been loaded."""
        if self.library is not None and not (self.has_groups and "prepared" in vars(self)):
            return ()
        if self.unmet():
            return ()
        return self._remarks

    @cached_property
    def _remarks(self) -> tuple[str, ...]:
        whole = whole_source(self.listed)
        sources = [whole] if whole is self.listed else [whole, self.listed]
        return tuple(line for each in sources if isinstance(each, SourceWithRemarks) for line in each.remarks())

    def has_labels(self) -> bool | None:
        """Return whether the listed pictures have classes; None for a hub id, and for pictures that are missing."""
        if "arrays" in vars(self) or self.library is not None or self.unmet():
            return super().has_labels()
        return self.listed.labels is not None

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes, such as the sub-folders of a folder; empty for a source without names."""
        if self.library is not None or self.unmet():
            return ()
        source = self.source() if "prepared" in vars(self) else self.listed
        whole = whole_source(source)
        return whole.classes if isinstance(whole, SourceWithClasses) else ()

    def sample_names(self) -> list[str]:
        """Return the path below the folder, or the row, of each usable picture; empty for a hub id, which has none."""
        if self.library is not None or self.unmet():
            return []
        source = self.source() if "prepared" in vars(self) else self.listed
        bad = {picture.name for picture in self.prepared.bad} if self.on_bad == "skip" else set()
        names = (shown_name(source.name(index)) for index in range(len(source)))
        return [name for name in names if name not in bad]

    @property
    def has_groups(self) -> bool:
        """Whether the recipe gives groups; a data set that can have them makes `groups` a key."""
        return getattr(self, "groups", None) is not None

    def sample_groups(self) -> list[str]:
        """Return the group of each usable picture; empty without groups."""
        source = self.source() if "prepared" in vars(self) else self.listed
        if not isinstance(source, SourceWithGroups):
            return []
        bad = {picture.name for picture in self.prepared.bad} if self.on_bad == "skip" else set()
        named = zip(source.of_picture, range(len(source)), strict=True)
        return [group for group, index in named if shown_name(source.name(index)) not in bad]

    @property
    def size(self) -> int:
        """The number of pictures: as listed, or as prepared if bad pictures are skipped, which only decoding finds."""
        prepared = "arrays" in vars(self) or self.on_bad == "skip"
        return len(self.arrays.images) if prepared else len(self.listed)

    @cached_property
    def file_keys(self) -> np.ndarray:
        """A key for each listed picture in a file, (N,) int64 (`picture_keys`); none of a hub id or missing files."""
        if self.library is not None or self.unmet():
            return np.empty(0, np.int64)
        return picture_keys(self.source() if "prepared" in vars(self) else self.listed)

    @property
    def root(self) -> Path:
        """The folder of all stores."""
        return cache_folder() / "pictures" if self.store is None else user_path(self.store).absolute()

    @cached_property
    def prepared(self) -> Store:
        """The prepared pictures of this split; made if they do not exist. Raises `UsageError`."""
        return prepare(self.source, self.transform, self.root)

    @property
    def skipped_pictures(self) -> list[BadPicture]:
        """The bad pictures that preparation left out of the store."""
        return self.prepared.bad

    def read(self) -> Arrays:
        """Return the prepared pictures. Raises `UsageError` for bad pictures, unless the recipe skips them."""
        self.check_bad(self.prepared)
        _ = self.remarks  # of files that are listed now
        vars(self).pop("listed", None)  # frees up to millions of names, which are not needed again
        return self.prepared.arrays

    def check_bad(self, store: Store) -> None:
        """Raise `UsageError` if the store lacks bad pictures, unless the recipe skips them, or if all are constant."""
        if store.values is not None and store.values.all_flat:
            raise UsageError(f"[data] {store.about['source']}, {self.split} split: {store.values.describe_flat()}")
        if store.bad and self.on_bad == "refuse":
            total = len(store.bad) + store.about["shape"][0]
            raise bad_pictures_error(store.bad, total, f"{store.about['source']}, {self.split} split")
