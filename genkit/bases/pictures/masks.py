"""Masks of pictures: which pixels are abnormal. Each picture has a mask of its size, paired by its name.

The mask of ``a/b.png`` is ``a/b.*`` or ``a/b_mask.*`` in the folder of the masks. A mask has two values: 0 for normal
pixels, and one other value for abnormal ones. It is cropped as its picture is, and resized with the nearest filter, so
it stays a mask; an abnormal region thinner than the shrinkage may vanish.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import MAX_LISTED, BadPicture, BadPictureError, list_bad_pictures
from genkit.bases.pictures.changed_sizes import upright_size
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.source import Source, count, shown_name
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Transform
from genkit.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Missing = Literal["refuse", "empty"]
"""What a picture without a mask is: an error, or a picture without an abnormal pixel."""
MASK_ENDING = "_mask"  # that published sets such as MVTec AD add to the name of a picture


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of the pictures of a source, in their order."""

    pictures: Source
    files: Source
    rows: np.ndarray
    """The number of each picture's mask in `files`, (N,) int64; -1 for a picture without one."""
    transform: Transform
    """The transform of the pictures."""
    option: str
    """The option or key that names the masks; messages start with it."""
    unpaired: tuple[str, ...] = ()
    """The names of masks without a picture, sorted."""

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.rows)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """Return the masks of pictures, (b, H, W) bool, True for abnormal pixels.

        Raises `UsageError`, which lists all of them that cannot be used.
        """
        found = np.zeros((len(indices), self.transform.height, self.transform.width), bool)
        bad = []
        for row, decoded in enumerate(map_in_threads(self._decoded, indices)):
            if isinstance(decoded, BadPicture):
                bad.append(decoded)
            else:
                found[row] = decoded
        if bad:
            masks = count(len(indices), "mask")
            raise UsageError(
                f"{self.option} {self.files.where}: {len(bad):,} of {masks} cannot be used:{list_bad_pictures(bad)}\n"
                "Give each picture a mask of its size, with 0 for normal pixels and one other value for abnormal ones."
            )
        return found

    def _decoded(self, index: int) -> np.ndarray | BadPicture:
        row = int(self.rows[index])
        if row < 0:
            return np.zeros((self.transform.height, self.transform.width), bool)
        return decode(self.files, row, partial(self._transformed, index))

    def _transformed(self, index: int, mask: Image | ArrayPicture) -> np.ndarray:
        from PIL import Image
        from PIL.Image import Resampling

        abnormal = _abnormal_pixels(mask)
        with self.pictures.picture(index) as picture:
            size = upright_size(picture)
        height, width = abnormal.shape
        if (width, height) != size:
            name = shown_name(self.pictures.name(index))
            raise BadPictureError(f"{width} x {height} pixels, but the picture {name} has {size[0]} x {size[1]}")
        kept = Image.fromarray(abnormal.astype(np.uint8)).crop(self.transform.box(width, height))
        return np.asarray(kept.resize((self.transform.width, self.transform.height), Resampling.NEAREST)) > 0


def no_masks(pictures: Source, transform: Transform, option: str) -> Masks:
    """Return empty masks for pictures that are all normal."""
    return Masks(pictures, pictures, np.full(len(pictures), -1), transform, option)


def pair_masks(
    pictures: Source,
    files: Source,
    transform: Transform,
    missing: Missing,
    option: str,
    as_empty: str,
    *,
    whole: Source | None = None,
    none_or_all: bool = False,
) -> Masks:
    """Return the masks of pictures, paired by their names without suffix. No mask is decoded.

    Args:
        pictures: The pictures, each of which needs a mask.
        files: The masks.
        transform: The transform of the pictures.
        missing: With "empty", a picture without a mask has no abnormal pixel; then every mask must have a picture.
        option: The option or key that names the masks; messages start with it.
        as_empty: The option or key that sets `missing` to "empty", for messages.
        whole: The source that `pictures` are a part of: masks of its other pictures have their picture.
        none_or_all: Whether pictures of which none has a mask are all normal, as those of a train split.

    Raises:
        UsageError: If a picture has no mask, or several.
    """
    known = pictures if whole is None else whole
    stems = {_stem(known.name(index)) for index in range(len(known))}
    by_name: dict[str, int] = {}
    for row in range(len(files)):
        stem = _stem(files.name(row))
        stem = stem if stem in stems else stem.removesuffix(MASK_ENDING)
        if stem in by_name:
            both = " and ".join(shown_name(files.name(each)) for each in (by_name[stem], row))
            raise UsageError(f"{option} {files.where}: two masks for one picture, {both}. Remove one of them.")
        by_name[stem] = row
    names = [pictures.name(index) for index in range(len(pictures))]
    rows = [by_name.get(_stem(name), -1) for name in names]
    absent = [name for name, row in zip(names, rows, strict=True) if row < 0]
    unpaired = tuple(sorted(files.name(by_name[stem]) for stem in by_name.keys() - stems))
    if absent and missing == "refuse" and not (none_or_all and len(absent) == len(names)):
        raise UsageError(
            f"{option} {files.where}: no mask for {len(absent):,} of {count(len(names), 'picture')}:{_listed(absent)}\n"
            "Name a mask as its picture. The mask of a picture without anomaly is black throughout. With "
            f"{as_empty} a picture without a mask counts as normal."
        )
    if unpaired and missing == "empty":
        raise UsageError(
            f"{option} {files.where}: no picture for {count(len(unpaired), 'mask')}:{_listed(unpaired)}\n"
            "While a picture without a mask counts as normal, each mask needs its picture."
        )
    return Masks(pictures, files, np.asarray(rows, np.int64), transform, option, unpaired)


def refuse_masks_among_pictures(masks: Path, pictures: Path | None, option: str) -> None:
    """Raise `UsageError` if the masks are in the folder of the pictures or below it: they would be pictures, too."""
    if pictures is None:
        return
    here, data = masks.resolve(), pictures.resolve()
    if here == data:
        raise UsageError(f"{option} {masks}: these are the pictures themselves. Give their masks.")
    if data in here.parents:
        raise UsageError(
            f"{option} {masks}: in {pictures}, the folder of the pictures, so the masks would be pictures, too. "
            "Put them into a folder of their own."
        )


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _listed(names: Sequence[str]) -> str:
    """Return one line for each of the first names, and a line that counts the others."""
    more = f"\n  and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return "".join(f"\n  {shown_name(name)}" for name in names[:MAX_LISTED]) + more


def _abnormal_pixels(mask: Image | ArrayPicture) -> np.ndarray:
    """Return which pixels of a mask are abnormal, (H, W). Raises `BadPictureError` for more than two values."""
    pixels = _pixels_of(mask)
    abnormal: np.ndarray = (pixels != 0).any(axis=-1)
    values = pixels[abnormal]
    if len(values) and (values != values[0]).any():
        number = len(np.unique(values, axis=0))
        raise BadPictureError(
            f"{number:,} values besides 0, but a mask has one. Save it with two values, and not as a JPEG"
        )
    return abnormal


def _pixels_of(mask: Image | ArrayPicture) -> np.ndarray:
    """Return the values of a mask, (H, W, C), upright and without alpha. Raises `BadPictureError` if it is transparent.

    A palette counts by its colours.
    """
    from PIL import ImageOps

    if isinstance(mask, ArrayPicture):
        return mask.values
    upright = ImageOps.exif_transpose(mask)
    upright = upright.convert({"P": "RGB", "PA": "RGBA", "1": "L"}.get(upright.mode, upright.mode))
    pixels = np.asarray(upright)
    if upright.mode not in ("LA", "RGBA"):
        return pixels[..., None] if pixels.ndim == 2 else pixels
    if (pixels[..., -1] != 255).any():
        raise BadPictureError("transparent pixels; save the mask without an alpha channel")
    return pixels[..., :-1]
