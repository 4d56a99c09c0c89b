"""Transform of a picture of any size and mode to bytes of one shape, applied once, when pictures are prepared.

    orient (EXIF) - crop - 8 bits - alpha over the background - grey or colour - resize
    orient (EXIF) - crop - window or percentiles, to [0, 1] - grey or colour - resize - 16 bits

The second line is that of a transform with `Levels`; all of it is done with floats.
Pillow resizes, and widens the filter when it shrinks a picture (antialiasing). torchvision does the same for pictures;
torch's `interpolate` does it only with ``antialias=True``. To crop a box of whole pixels before resizing is what
``CenterCrop`` and ``Resize`` of the published loaders do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.bases.pictures.eight_bits import Background, remove_alpha, to_eight_bits
from genkit.bases.pictures.file_values import file_values, raw_mode
from genkit.bases.pictures.levels import Levels
from genkit.bases.pictures.value_range import ValueRange
from genkit.core.field_types import NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    from PIL.Image import Image

Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Crop = (
    Literal["none", "centre"]
    | PositiveInt
    | tuple[PositiveInt, PositiveInt]
    | tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt]
)
LUMA = np.array([299, 587, 114]) / 1000  # of red, green and blue in grey, as Pillow weighs them (ITU-R 601-2)


class Measured(NamedTuple):
    """A transformed picture, and what levels did to it."""

    pixels: np.ndarray  # (C, H, W)
    values: ValueRange | None  # of the file; None without levels


@dataclass(frozen=True)
class Transform:
    """The steps from a picture to integers of 8 bits, or of 16 bits with `levels`.

    Every field is part of the fingerprint of a store. Raises `ValueError` for an empty crop.
    """

    height: int
    width: int
    channels: int
    crop: Crop = "none"
    filter: Filter = "bicubic"
    background: Background = 255
    levels: Levels | None = None

    def __post_init__(self) -> None:
        if isinstance(self.crop, tuple) and len(self.crop) == 4:
            left, top, right, bottom = self.crop
            if right <= left or bottom <= top:
                raise ValueError(f"crop = {list(self.crop)}: empty box; expected [left, top, right, bottom], in pixels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the result, (C, H, W)."""
        return (self.channels, self.height, self.width)

    @property
    def dtype(self) -> np.dtype:
        """The type of the result: uint8, or with levels uint16."""
        return np.dtype("uint8" if self.levels is None else "<u2")

    def __call__(self, picture: Image | ArrayPicture) -> np.ndarray:
        """Return a picture as (C, H, W) of `dtype`. Raises `BadPictureError`, or whatever Pillow raises."""
        from PIL import ImageOps
        from PIL.Image import Resampling

        if self.levels is not None:
            return self.measured(picture).pixels
        file_format = picture.format  # the next step loses it
        if isinstance(picture, ArrayPicture):
            picture = picture.as_eight_bits()
        picture = ImageOps.exif_transpose(picture)
        box = self._box_of(picture)
        if box != (0, 0, *picture.size):
            picture = picture.crop(box)
        picture = remove_alpha(to_eight_bits(picture, file_format), self.background)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        if picture.size != (self.width, self.height):
            picture = picture.resize((self.width, self.height), Resampling[self.filter.upper()])
        pixels = np.asarray(picture)
        return pixels[None] if self.channels == 1 else np.moveaxis(pixels, -1, 0)

    def measured(self, picture: Image | ArrayPicture) -> Measured:
        """Return a picture as `__call__`, with the range of the values of its file if there are levels.

        Raises `BadPictureError`, for example for a picture without contrast, or whatever Pillow raises.
        """
        if self.levels is None:
            return Measured(self(picture), None)
        values = self._values(picture)
        limits = self.levels.limits(values)
        return Measured(self._sixteen_bits(self.levels.fractions(values, limits)), ValueRange.of(values, limits))

    def _values(self, picture: Image | ArrayPicture) -> np.ndarray:
        """Return the values of the part that is kept of a picture, (H, W, C) float64, in the units of its file."""
        from PIL import ImageOps

        raw, maximum = raw_mode(picture)  # the next step loses them
        upright = picture if isinstance(picture, ArrayPicture) else ImageOps.exif_transpose(picture)
        return file_values(upright, self._box_of(upright), raw, maximum)

    def _sixteen_bits(self, fractions: np.ndarray) -> np.ndarray:
        """Return fractions of white, (H, W, C) float64, as (C, H, W) uint16 of the declared channels and size."""
        from PIL import Image

        if fractions.shape[2] == 3 and self.channels == 1:
            fractions = (fractions @ LUMA)[..., None]
        channels = np.moveaxis(fractions, -1, 0)
        if channels.shape[1:] != (self.height, self.width):
            size, resampling = (self.width, self.height), Image.Resampling[self.filter.upper()]
            images = [Image.fromarray(channel.astype(np.float32)) for channel in channels]
            resized = [np.asarray(image.resize(size, resampling), np.float64) for image in images]
            channels = np.stack(resized).clip(0, 1)  # bicubic and Lanczos overshoot
        sixteen_bits = np.rint(channels * np.iinfo(self.dtype).max).astype(self.dtype)
        return np.broadcast_to(sixteen_bits, self.shape)

    def _box_of(self, picture: Image | ArrayPicture) -> tuple[int, int, int, int]:
        if picture.size == (1, 1) != (self.width, self.height):
            raise BadPictureError("a single pixel, often a placeholder for a missing picture")
        return self.box(*picture.size)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the part of a picture that is kept, (left, top, right, bottom) in pixels.

        Raises `BadPictureError` if the picture is smaller than the crop.
        """
        if self.crop == "none":
            return (0, 0, width, height)
        if isinstance(self.crop, tuple) and len(self.crop) == 4:
            box = self.crop
        else:
            box_height, box_width = self._centred_size(width, height)
            left, top = (width - box_width) // 2, (height - box_height) // 2
            box = (left, top, left + box_width, top + box_height)
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
            raise BadPictureError(f"{width} x {height} pixels, too small for crop = {_as_list(self.crop)}")
        return box

    def _centred_size(self, width: int, height: int) -> tuple[int, int]:
        """Return height and width of a centred box."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        if isinstance(self.crop, tuple):
            return self.crop[0], self.crop[1]
        scale = min(width / self.width, height / self.height)  # "centre": the largest box of the right aspect ratio
        return (
            min(height, max(1, round(self.height * scale))),
            min(width, max(1, round(self.width * scale))),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in the types of JSON, those of `levels` only if there are levels."""
        ours = {each.name: _as_list(getattr(self, each.name)) for each in fields(self) if each.name != "levels"}
        return ours if self.levels is None else ours | {name: _as_list(v) for name, v in vars(self.levels).items()}

    def describe(self, width: int, height: int) -> str:
        """Return one line about what the transform does to a picture of this size: ``12 x 12 -> 8 x 8, bicubic``."""
        try:
            left, top, right, bottom = self.box(width, height)
        except BadPictureError as error:
            return f"{width} x {height} cannot be used: {error}"
        kept = "" if (right - left, bottom - top) == (width, height) else f" - [{left}, {top}, {right}, {bottom}]"
        stretch = (self.width / (right - left)) / (self.height / (bottom - top))
        aspect = "" if abs(stretch - 1) < 0.005 else f", stretched horizontally by {stretch:.3g}"
        sized = "not resized" if (right - left, bottom - top) == (self.width, self.height) else f"{self.filter}{aspect}"
        levels = "" if self.levels is None else f", {self.levels} to black and white"
        return f"{width} x {height}{kept} -> {self.width} x {self.height}, {sized}{levels}"


class TransformKeys(Protocol):
    """The keys of a data set that define its transform."""

    @property
    def resolution(self) -> int | tuple[int, int]: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def crop(self) -> Crop: ...  # noqa: D102
    @property
    def filter(self) -> Filter: ...  # noqa: D102
    @property
    def background(self) -> Background: ...  # noqa: D102
    @property
    def levels(self) -> Levels | None: ...  # noqa: D102


def transform_of(keys: TransformKeys) -> Transform:
    """Return the transform that the keys of a data set define. Raises `ValueError` for an empty crop."""
    sides = keys.resolution if isinstance(keys.resolution, tuple) else (keys.resolution, keys.resolution)
    return Transform(*sides, keys.channels, keys.crop, keys.filter, keys.background, keys.levels)


def _as_list(value: Any) -> Any:
    """Return a tuple as a list, and anything else unchanged."""
    return list(value) if isinstance(value, tuple) else value
