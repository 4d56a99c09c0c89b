"""User pictures: image files and arrays of any size and format, transformed to the shape that a trained model takes.

They are listed at once and decoded a chunk at a time, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.bases.pictures.array_picture import ArrayPicture, has_one_picture
from genkit.bases.pictures.array_source import ArraySource
from genkit.bases.pictures.bad_pictures import BadPicture, list_bad_pictures
from genkit.bases.pictures.changed_sizes import is_deep
from genkit.bases.pictures.counted_changes import Changes, CountedChanges, changes_of
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.folder_source import ARRAY_SUFFIXES, FolderSource, PictureFile, list_files
from genkit.bases.pictures.levels import Levels
from genkit.bases.pictures.numpy_files import read_array
from genkit.bases.pictures.source import Source, count, files_of, shown_name
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Measured, Transform
from genkit.bases.pictures.value_range import ReadValues, ValueRange
from genkit.core.dataset import Dataset
from genkit.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class UserPictures:
    """The pictures of a folder, of an image file or of an array, in natural order of their names."""

    place: Path  # the folder or the file
    source: Source
    transform: Transform
    option: str  # the option that names the place; messages start with it
    usual: frozenset[str] | None = None  # changes of size that need no remark; None: size and depth are not remarked
    _seen: ReadValues = field(default_factory=ReadValues, compare=False)
    _changes: CountedChanges = field(default_factory=CountedChanges, repr=False, compare=False)

    def __len__(self) -> int:
        """The number of pictures, including those that turn out to be bad."""
        return len(self.source)

    def name(self, index: int) -> str:
        """Return the path below the folder, the name of the file, or the row, in printable characters."""
        return shown_name(self.source.name(index))

    def label(self, index: int) -> str:
        """Return the sub-folder of a picture, or the label of a row; empty for a picture without one."""
        if isinstance(self.source, ArraySource):
            return "" if self.source.labels is None else str(self.source.labels[index])
        folder, below, _ = self.source.name(index).partition("/")
        return shown_name(folder) if below else ""

    def chunk(self, start: int, size: int) -> Tensor:
        """Return the pictures from `start` on, `size` of them, (size, C, H, W) float32 in [0, 1].

        Raises `UsageError` if one of them cannot be used; the message lists all bad pictures from `start` on.
        """
        pixels = np.empty((size, *self.transform.shape), self.transform.dtype)
        for row, decoded in enumerate(self._decoded(range(start, start + size))):
            if isinstance(decoded, BadPicture):
                rest = range(start + row + 1, len(self))
                others = (each for each in self._decoded(rest) if isinstance(each, BadPicture))
                raise self._refusal([decoded, *others])
            pixels[row] = self._noted(start + row, decoded)
        return in_unit_range(pixels)

    def first(self, number: int) -> list[np.ndarray | BadPicture]:
        """Return the first pictures, (C, H, W) each, with a record in the place of each that cannot be used."""
        found: list[np.ndarray | BadPicture] = []
        for index, decoded in enumerate(self._decoded(range(number))):
            if isinstance(decoded, BadPicture):
                found.append(decoded)
            else:
                found.append(self._noted(index, decoded))
        return found

    def chunks(self, size: int) -> Iterator[Tensor]:
        """Yield all pictures in chunks of `size`, the last of which may be smaller. Raises what `chunk` raises."""
        for start in range(0, len(self), size):
            yield self.chunk(start, min(size, len(self) - start))

    @property
    def values(self) -> ValueRange | None:
        """The range of the values of the pictures that were read so far; None without levels."""
        return self._seen.values

    def remark(self) -> str:
        """Return a line each: how an array was read, why levels may not fit, what was changed; empty without any."""
        levels, values = self.transform.levels, self._seen.values
        unfit = "" if levels is None or values is None else values.remark(levels)
        texts = [f"read as {self.source.describe()}"] if isinstance(self.source, ArraySource) else []
        texts += [f"{unfit}, which [data] of the run sets"] if unfit else []
        texts += self._changes.remarks()
        return "\n".join(f"{self.option} {self.place}: {text}" for text in texts)

    def refuse_flat(self) -> None:
        """Raise `UsageError` if clipping has made every picture that was read one constant, so all are the same."""
        values = self._seen.values
        if values is not None and values.all_flat:
            every = "the picture becomes" if values.pictures == 1 else f"all {values.pictures:,} pictures become"
            raise UsageError(
                f"{self.option} {self.place}: {every} black or white, since the values, {values.least:g} to "
                f"{values.most:g}, are outside {self.transform.levels}, which [data] of the run sets. Give pictures in "
                "the units of the training pictures."
            )

    def files(self) -> Iterator[Path]:
        """Yield the files of the pictures; the one file of an array."""
        return files_of(self.source)

    def _decoded(self, indices: range) -> Iterator[tuple[Measured, Changes] | BadPicture]:
        return map_in_threads(partial(decode, self.source, work=self._measured), indices)

    def _measured(self, picture: Image | ArrayPicture) -> tuple[Measured, Changes]:
        deep = is_deep(picture)  # this and the next line need a picture that is not decoded yet
        measured = self.transform.measured(picture)
        return measured, changes_of(picture, deep, self.transform, self.usual)

    def _noted(self, index: int, decoded: tuple[Measured, Changes]) -> np.ndarray:
        """Return the pixels of a picture, and count what was done to it."""
        measured, changes = decoded
        self._seen.add(index, measured.values)
        self._changes.add(index, self.name(index), changes)
        return measured.pixels

    def _refusal(self, bad: list[BadPicture]) -> UsageError:
        if self.place.is_file() and not isinstance(self.source, ArraySource):
            return UsageError(f"{self.option} {self.place}: {bad[0].reason}. Repair or remove it.")
        return UsageError(
            f"{self.option} {self.place}: {len(bad):,} of {count(len(self), 'picture')} cannot be used:"
            f"{list_bad_pictures(bad)}\nRepair or remove {'it' if len(bad) == 1 else 'them'}."
        )


def open_user_pictures(
    place: Path, transform: Transform, option: str = "--data", usual: frozenset[str] | None = None
) -> UserPictures:
    """List user pictures, without decoding any.

    Args:
        place: An image file, which Pillow opens whatever its suffix; a folder, whose files have the suffixes in
            `genkit.bases.pictures.image_formats`, also in sub-folders; or a .npy or .npz with pictures
            (`genkit.bases.pictures.numpy_files`). With levels, .npy files may also be pictures of a folder.
        transform: The transform of each picture (`transform_for`).
        option: The option that names the place; messages start with it.
        usual: The changes of size and depth that need no remark (`changed_sizes.usual_changes`); None: none does.

    Raises:
        UsageError: If there is no picture, or if the place cannot be read.
    """
    source = _open_source(place, option, arrays=transform.levels is not None)
    return UserPictures(place, source, transform, option, usual)


def open_user_masks(place: Path, option: str) -> Source:
    """List the masks of user pictures, without decoding any.

    `place` is as for `open_user_pictures`. A .npy is a mask, also in a folder, and may have any values. Raises
    `UsageError` as `open_user_pictures`.
    """
    return _open_source(place, option, arrays=True, booleans=True)


def transform_for(data: Dataset, shape: tuple[int, ...]) -> Transform:
    """Return the transform of user pictures for a model that was trained on `data`, with samples of this shape.

    It is that of the data, so user pictures are cropped and converted as the training pictures were. Data that are
    read as arrays, such as MNIST, have none: then the largest centred box with the aspect ratio of `shape` is kept.
    Raises `ValueError` if samples of this shape are no pictures.
    """
    transform = getattr(data, "transform", None)
    if isinstance(transform, Transform) and transform.shape == tuple(shape):
        return transform
    return centred_transform(shape)


def centred_transform(shape: tuple[int, ...], levels: Levels | None = None) -> Transform:
    """Return the transform that keeps the largest centred box with the aspect ratio of `shape`, (1 | 3, H, W).

    `levels` are those of the training pictures. Raises `ValueError` for another shape.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"the model takes samples of shape {tuple(shape)}, not pictures")
    channels, height, width = shape
    return Transform(height, width, channels, crop="centre", levels=levels)


def read_user_pictures(
    place: Path, number: int, shape: tuple[int, ...], levels: Levels | None = None
) -> tuple[Tensor, list[str], UserPictures]:
    """Return user pictures as model inputs, (N, C, H, W) in [0, 1], their names, and all pictures of the place.

    Args:
        place: As for `open_user_pictures`.
        number: The most pictures to read, in natural order of their names.
        shape: The shape of the model's inputs, (1, H, W) or (3, H, W).
        levels: The levels of the training pictures, if the recipe declares any.

    A picture is turned upright, cropped to the largest centred box with the aspect ratio of `shape`, resized (bicubic),
    and converted to grey or colour.

    Raises:
        UsageError: If a picture cannot be read, there is none, levels make all of them one constant, or the model does
            not take pictures.
    """
    try:
        transform = centred_transform(shape, levels)
    except ValueError as error:
        raise UsageError(f"--data {place}: {error}. Omit --data.") from None
    pictures = open_user_pictures(place, transform)
    wanted = range(min(number, len(pictures)))
    decoded = pictures.first(len(wanted))
    if bad := [each for each in decoded if isinstance(each, BadPicture)]:
        listed = (
            bad[0].reason if place.is_file() and isinstance(pictures.source, FolderSource) else "; ".join(map(str, bad))
        )
        raise UsageError(f"--data {place}: {listed}. Repair or remove {'it' if len(bad) == 1 else 'them'}.")
    pictures.refuse_flat()
    x = in_unit_range(np.stack([each for each in decoded if isinstance(each, np.ndarray)]))
    return x, [pictures.name(index) for index in wanted], pictures


def in_unit_range(pixels: np.ndarray) -> Tensor:
    """Return pictures of uint8 or uint16 as fractions of white, float32 of the same shape."""
    return torch.from_numpy(pixels.astype(np.float32)) / np.iinfo(pixels.dtype).max


def _open_source(place: Path, option: str, *, arrays: bool, booleans: bool = False) -> Source:
    """List pictures; with `arrays`, arrays of any range, also .npy files in folders, and with `booleans` of bool."""
    if place.is_file() and place.suffix.lower() in ARRAY_SUFFIXES and not has_one_picture(place):
        return read_array(place, None, None, None, option, any_range=arrays, booleans=booleans)
    if place.is_file():
        status = place.stat()
        return FolderSource(place.parent, (PictureFile(place.name, status.st_size, status.st_mtime_ns),))
    if not place.is_dir():
        raise UsageError(f"{option} {place}: not found. Give a folder of pictures, an image file, or a .npy or .npz.")
    return list_files(place, place=option, arrays=arrays, what="mask" if booleans else "picture")
