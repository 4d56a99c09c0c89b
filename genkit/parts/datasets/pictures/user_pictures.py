"""A person's own pictures, of any size and kind, cut to the shape that a trained model takes."""

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
    """Return the first `number` pictures of a folder, in natural order, or one picture; their names; how many it has.

    The tensor is (N, C, H, W) in [0, 1]. A picture is turned upright, cut at its middle to the proportions of the
    shape, resized (bicubic), and made grey or coloured as the shape asks. Raises `UsageError`.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UsageError(f"--data {place}: the model takes samples of the shape {tuple(shape)}, and no pictures.")
    channels, height, width = shape
    source = _source(place)
    wanted = range(min(number, len(source)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about single pictures
        pixels, _, bad = decode_some(source, Transform(height, width, channels, crop="centre"), wanted)
    if bad:
        named = "; ".join(f"{each.name} {each.reason}" for each in bad)
        raise UsageError(f"--data {place}: {named}. Mend {'it' if len(bad) == 1 else 'them'}, or take them out.")
    return torch.from_numpy(pixels).float() / 255, [shown_name(source.name(index)) for index in wanted], len(source)


def _source(place: Path) -> FolderSource:
    if place.is_file():
        status = place.stat()
        return FolderSource(place.parent, (PictureFile(place.name, status.st_size, status.st_mtime_ns),))
    if not place.is_dir():
        raise UsageError(f"--data {place}: is not there. Give a picture, or a folder of pictures.")
    return list_files(place, asked_by="--data")
