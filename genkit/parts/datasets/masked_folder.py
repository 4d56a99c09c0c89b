"""A folder of image files whose abnormal pixels are marked by masks in another folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.api import FLIP, MASK, Doc, Noise, Raw, Samples, UsageError
from genkit.api.pictures import (
    FolderSource,
    Masks,
    Missing,
    existing_folder,
    list_files,
    no_masks,
    pair_masks,
    refuse_masks_among_pictures,
    whole_source,
)
from genkit.parts.datasets.image_folder import ImageFolder


@dataclass(frozen=True, kw_only=True)
class MaskedFolder(ImageFolder):
    """The pictures of an image-folder, and for each a mask of its abnormal pixels, ``extra["mask"]``, (B, H, W) bool.

    Masks are decoded whenever they are read: they serve evaluation. Raises `ValueError` if bad pictures are skipped.
    """

    masks: Annotated[
        Path, Doc("Folder of the masks, or a folder with a sub-folder of masks named as that of the split.")
    ]
    missing_masks: Annotated[
        Missing,
        Doc('What a picture without a mask is: "refuse" is an error, "empty" counts all of its pixels as normal.'),
    ] = "refuse"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.on_bad == "skip":
            raise ValueError('on_bad = "skip" would leave masks without their picture. Remove the pictures instead')

    @property
    def has_masks(self) -> Literal[True]:
        """True."""
        return True

    @cached_property
    def paired(self) -> Masks:
        """The masks of this split. Raises `UsageError` if they cannot be listed or paired."""
        pictures = self.source()
        whole = whole_source(pictures)
        option, folder = "[data] masks", existing_folder(self.masks, "masks", "Give the folder of the masks.")
        normal = False  # whether these are training pictures, which need no masks, beside the test pictures
        if isinstance(whole, FolderSource):
            refuse_masks_among_pictures(folder, whole.folder, option)
            normal = self.split == "train"
            if (folder / whole.folder.name).is_dir() and whole.folder.parent != folder:
                folder, normal = folder / whole.folder.name, normal and self._in_one_folder(whole)
            elif normal and not self._in_one_folder(whole):
                return no_masks(pictures, self.transform, option)
        files = list_files(folder, place=option, arrays=True)
        return pair_masks(
            pictures,
            files,
            self.transform,
            self.missing_masks,
            option,
            'missing_masks = "empty"',
            whole=whole,
            none_or_all=normal,
        )

    def _in_one_folder(self, train: FolderSource) -> bool:
        """Return whether the test pictures are in the folder of the training pictures."""
        return self.held_out().source().where == train.where

    def unmet(self) -> tuple[str, ...]:
        """Return why the pictures or their masks cannot be listed."""
        if found := super().unmet():
            return found
        try:
            _ = self.paired
        except UsageError as error:
            return (str(error),)
        return ()

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Return what an image-folder loads, and the masks. Raises `UsageError` for masks that cannot be used."""
        raw = super().load(indices, noise)
        masks = torch.from_numpy(self.paired.read(indices.tolist()))
        return raw._replace(tensors={**raw.tensors, MASK: masks})

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the images in [0, 1], their labels, and their masks, mirrored with them."""
        samples = super().finish(raw, noise)
        masks = raw.tensors[MASK]
        if FLIP in raw.tensors:
            masks = torch.where(raw.tensors[FLIP][:, None, None], masks.flip(-1), masks)
        return samples._replace(extra={**samples.extra, MASK: masks})
