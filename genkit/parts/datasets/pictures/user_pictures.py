"""User pictures: image files of any size and format, cropped and resized to the shape that a trained model takes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.decode import decode_some
from genkit.parts.datasets.pictures.folder_source import FolderSource, PictureFile, list_files
from genkit.parts.datasets.pictures.source import shown_name
from genkit.parts.datasets.pictures.transform import Transform


def read_user_pictures(place: Path, number: int, shape: tuple[int, ...]) -> tuple[Tensor, list[str], int]:
    """Return user pictures as model inputs, (N, C, H, W) in [0, 1], their names, and how many pictures there are.

    Args:
        place: An image file, which Pillow opens whatever its suffix, or a folder with files of the suffixes in
            `genkit.parts.datasets.pictures.image_formats`.
        number: The most pictures to read, in natural order of their names.
        shape: The shape of the model's inputs, (1, H, W) or (3, H, W).

    A picture is turned upright, cropped to the largest centred box with the aspect ratio of `shape`, resized (bicubic),
    and converted to grey or colour.

    Raises:
        UsageError: If a picture cannot be read, there is none, or the model does not take pictures.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UsageError(f"--data {place}: the model takes samples of shape {tuple(shape)}, not pictures. Omit --data.")
    channels, height, width = shape
    source = _open_source(place)
    wanted = range(min(number, len(source)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of Pillow about single pictures
        pixels, _, bad = decode_some(source, Transform(height, width, channels, crop="centre"), wanted)
    if bad:
        listed = bad[0].reason if place.is_file() else "; ".join(map(str, bad))
        raise UsageError(f"--data {place}: {listed}. Repair or remove {'it' if len(bad) == 1 else 'them'}.")
    return torch.from_numpy(pixels).float() / 255, [shown_name(source.name(index)) for index in wanted], len(source)


def _open_source(place: Path) -> FolderSource:
    if place.is_file():
        status = place.stat()
        return FolderSource(place.parent, (PictureFile(place.name, status.st_size, status.st_mtime_ns),))
    if not place.is_dir():
        raise UsageError(f"--data {place}: not found. Give an image file, or a folder of pictures.")
    return list_files(place, place="--data")
