"""Source of the pictures in a NumPy array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genkit.parts.datasets.pictures.bad_pictures import BadPictureError
from genkit.storage.mapped_file import check_mapped

if TYPE_CHECKING:
    from PIL.Image import Image

Layout = Literal["NHW", "NHWC", "NCHW"]
ROUNDING = 1e-3  # a float value so far outside [0, 1] is clipped: it is a rounding, not another scale
SAMPLED_ROWS = 64  # pictures whose values are part of the digest and show the range of the values


@dataclass(frozen=True, eq=False)
class ArraySource:
    """The pictures of an array of uint8, or of float values in [0, 1]; the name of a picture is its row."""

    path: Path
    array: np.ndarray  # its dimensions are those of `layout`
    layout: Layout
    labels: np.ndarray | None  # (N,) int64

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.array)

    def name(self, index: int) -> str:
        """Return ``row 7``."""
        return f"row {index}"

    def picture(self, index: int) -> Image:
        """Return the row as an 8-bit picture. Raises `BadPictureError` for values outside [0, 1] and `ROUNDING`."""
        from PIL import Image

        check_mapped(self.array)
        pixels = np.asarray(self.array[index])
        if self.layout == "NCHW":
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.dtype != np.uint8:
            if not np.isfinite(pixels).all():
                raise BadPictureError("values that are not finite")
            if is_outside(pixels.min(), pixels.max()):
                raise BadPictureError(f"values from {digits(pixels.min())} to {digits(pixels.max())}, outside [0, 1]")
            pixels = np.round(pixels.clip(0, 1) * 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels))

    def some_rows(self) -> Iterator[np.ndarray]:
        """Yield at most `SAMPLED_ROWS` rows, spread over the array."""
        for row in np.unique(np.linspace(0, len(self.array) - 1, SAMPLED_ROWS).astype(int)):
            yield self.array[row]

    def digest(self) -> str:
        """Return a digest of the size and modification time of the file, of some rows, and of all labels."""
        status = self.path.stat()
        digest = hashlib.blake2b(f"{status.st_size} {status.st_mtime_ns} {self.array.shape}".encode(), digest_size=16)
        for row in self.some_rows():
            digest.update(np.ascontiguousarray(row).tobytes())
        digest.update(f"{self.layout}".encode() + (b"" if self.labels is None else self.labels.tobytes()))
        return digest.hexdigest()


def is_outside(least: float, most: float) -> bool:
    """Return whether values from `least` to `most` are outside [0, 1] by more than a rounding; False for NaN."""
    return bool(least < -ROUNDING or most > 1 + ROUNDING)


def digits(value: np.floating) -> str:
    """Return a number with as many digits as it takes to tell it from its neighbours: ``1.0000001``."""
    return str(value).removesuffix(".0")
