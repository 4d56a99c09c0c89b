"""A person's own pictures, of any size and kind, cut to the shape that a trained model takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.errors import UsageError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MODES = {1: "L", 3: "RGB"}  # Pillow's, by channels


def read_pictures(place: Path, number: int, shape: tuple[int, ...]) -> tuple[Tensor, list[str]]:
    """Return the first `number` pictures of a folder, or one picture, and their names, in order.

    The tensor is (N, C, H, W) in [0, 1]. A picture is turned upright, cut at its middle to the proportions of the
    shape, resized (bicubic), and made grey or coloured as the shape asks. Raises `UsageError`.
    """
    from PIL import Image, ImageOps

    if len(shape) != 3 or shape[0] not in MODES:
        raise UsageError(f"--data {place}: the model takes samples of the shape {tuple(shape)}, and no pictures.")
    channels, height, width = shape
    pixels = []
    files = _files(place)[:number]
    for file in files:
        try:
            with Image.open(file) as picture:
                upright = ImageOps.exif_transpose(picture).convert(MODES[channels])
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise UsageError(f"--data {file}: cannot be read as a picture: {error}.") from None
        fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BICUBIC)
        pixels.append(torch.from_numpy(np.array(fitted)).reshape(height, width, channels).permute(2, 0, 1))
    return torch.stack(pixels).float() / 255, [file.name for file in files]


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UsageError(f"--data {place}: is not there. Give a picture, or a folder of pictures.")
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise UsageError(f"--data {place}: holds no picture; looked for {', '.join(ENDINGS)}.")
    return files
