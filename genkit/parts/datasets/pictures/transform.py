"""Transform of a picture of any size and mode to bytes of one shape, applied once, when pictures are prepared.

    orient (EXIF) - crop - 8 bits - alpha over the background - grey or colour - resize

Pillow resizes, and widens the filter when it shrinks a picture (antialiasing). torchvision does the same for pictures;
torch's `interpolate` does it only with ``antialias=True``. To crop a box of whole pixels before resizing is what
``CenterCrop`` and ``Resize`` of the published loaders do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from annotated_types import Interval

from genkit.core.field_types import NonNegativeInt, PositiveInt
from genkit.parts.datasets.pictures.bad_pictures import BadPictureError
from genkit.parts.datasets.pictures.image_formats import SIXTEEN_BIT_FORMATS

if TYPE_CHECKING:
    from PIL.Image import Image

Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Crop = (
    Literal["none", "centre"]
    | PositiveInt
    | tuple[PositiveInt, PositiveInt]
    | tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt]
)
Level = Annotated[int, Interval(ge=0, le=255)]
Background = Level | tuple[Level, Level, Level]

ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True)
class Transform:
    """The steps from a picture to bytes; every field is part of the fingerprint of a store.

    Raises `ValueError` for an empty crop.
    """

    height: int
    width: int
    channels: int
    crop: Crop = "none"
    filter: Filter = "bicubic"
    background: Background = 255

    def __post_init__(self) -> None:
        if isinstance(self.crop, tuple) and len(self.crop) == 4:
            left, top, right, bottom = self.crop
            if right <= left or bottom <= top:
                raise ValueError(f"crop = {list(self.crop)}: empty box; expected [left, top, right, bottom], in pixels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the result, (C, H, W)."""
        return (self.channels, self.height, self.width)

    def __call__(self, picture: Image) -> np.ndarray:
        """Return the bytes of a picture, (C, H, W) uint8. Raises `BadPictureError`, or whatever Pillow raises."""
        from PIL import ImageOps
        from PIL.Image import Resampling

        file_format = picture.format  # the next step loses it
        picture = ImageOps.exif_transpose(picture)
        if picture.size == (1, 1) != (self.width, self.height):
            raise BadPictureError("a single pixel, often a placeholder for a missing picture")
        box = self.box(*picture.size)
        if box != (0, 0, *picture.size):
            picture = picture.crop(box)
        picture = _remove_alpha(_to_eight_bits(picture, file_format), self.background)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        if picture.size != (self.width, self.height):
            picture = picture.resize((self.width, self.height), Resampling[self.filter.upper()])
        pixels = np.asarray(picture)
        return pixels[None] if self.channels == 1 else np.moveaxis(pixels, -1, 0)

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
        """Return the fields in the types of JSON."""
        return {name: _as_list(value) for name, value in asdict(self).items()}

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
        return f"{width} x {height}{kept} -> {self.width} x {self.height}, {sized}"


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


def transform_of(keys: TransformKeys) -> Transform:
    """Return the transform that the keys of a data set define. Raises `ValueError` for an empty crop."""
    sides = keys.resolution if isinstance(keys.resolution, tuple) else (keys.resolution, keys.resolution)
    return Transform(*sides, keys.channels, keys.crop, keys.filter, keys.background)


def _to_eight_bits(picture: Image, file_format: str | None) -> Image:
    """Return a picture with values in 0..255; Pillow itself would clip 16-bit values at 255."""
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and file_format in SIXTEEN_BIT_FORMATS):
        values = np.asarray(picture).astype(np.int64)
        grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        if "transparency" in picture.info:  # one shade of 65,536, so that its alpha is made before it is rounded
            alpha = Image.fromarray(np.where(values == picture.info["transparency"], 0, 255).astype(np.uint8))
            return Image.merge("LA", (grey, alpha))
        return grey
    if picture.mode in ("I", "F"):
        raise BadPictureError(
            f'32-bit values (mode "{picture.mode}") of unknown range; save the picture with 8 or 16 bits'
        )
    return picture


def _remove_alpha(picture: Image, background: Background) -> Image:
    """Return a picture composed over the background, unless it has no transparency."""
    from PIL import Image

    if picture.mode not in ALPHA_MODES and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    colour = (background,) * 3 if isinstance(background, int) else background
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*colour, 255)), picture)


def _as_list(value: Any) -> Any:
    """Return a tuple as a list, and anything else unchanged."""
    return list(value) if isinstance(value, tuple) else value
