"""From a picture of any size and kind to bytes of one shape: all that is done to it, and done once.

    orient (EXIF) - crop - 8 bits - alpha over the background - grey or colour - resize

Resizing is Pillow's, which widens the filter where it shrinks (antialiasing), as torchvision's does for pictures and
torch's `interpolate` does not unless told. Cropping before resizing, the box in whole pixels, is what
``CenterCrop`` and ``Resize`` of the published loaders do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from annotated_types import Interval

from genkit.core.field_types import NonNegativeInt, PositiveInt
from genkit.parts.datasets.pictures.source import BadPicture

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

SIXTEEN_BITS_AS_I = ("PNG", "PPM")  # formats whose 16-bit numbers Pillow may hold in its mode "I", of 32 bits
ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True)
class Transform:
    """What a picture goes through; every field is part of the fingerprint of a store."""

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
                raise ValueError(f"crop = {list(self.crop)} is empty: it is [left, top, right, bottom], in pixels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of what comes out, (C, H, W)."""
        return (self.channels, self.height, self.width)

    def __call__(self, picture: Image) -> np.ndarray:
        """Return the bytes of a picture, (C, H, W) uint8. Raises `BadPicture`, or whatever Pillow raises."""
        from PIL import ImageOps
        from PIL.Image import Resampling

        kind = picture.format  # lost by the next step
        picture = ImageOps.exif_transpose(picture)
        if picture.size == (1, 1) != (self.width, self.height):
            raise BadPicture("is a single pixel, as what stands for a picture often is")
        box = self.box(*picture.size)
        if box != (0, 0, *picture.size):
            picture = picture.crop(box)
        picture = _without_alpha(_eight_bits(picture, kind), self.background)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        if picture.size != (self.width, self.height):
            picture = picture.resize((self.width, self.height), Resampling[self.filter.upper()])
        pixels = np.asarray(picture)
        return pixels[None] if self.channels == 1 else np.moveaxis(pixels, -1, 0)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return what is kept of a picture: left, top, right, bottom. Raises `BadPicture` where it is too small."""
        if self.crop == "none":
            return (0, 0, width, height)
        if isinstance(self.crop, tuple) and len(self.crop) == 4:
            box = self.crop
        else:
            inner = self._inner(width, height)
            left, top = (width - inner[1]) // 2, (height - inner[0]) // 2
            box = (left, top, left + inner[1], top + inner[0])
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
            raise BadPicture(f"has {width} x {height} pixels, too few for crop = {_plain(self.crop)}")
        return box

    def _inner(self, width: int, height: int) -> tuple[int, int]:
        """Return height and width of the box in the middle."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        if isinstance(self.crop, tuple):
            return self.crop[0], self.crop[1]
        scale = min(width / self.width, height / self.height)  # "centre": the largest box of the wanted aspect
        return (
            min(height, max(1, round(self.height * scale))),
            min(width, max(1, round(self.width * scale))),
        )

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def describe(self, width: int, height: int) -> str:
        """Say what becomes of a picture of this size."""
        try:
            left, top, right, bottom = self.box(width, height)
        except BadPicture as bad:
            return f"{width} x {height}: bad, since it {bad}"
        kept = "" if (right - left, bottom - top) == (width, height) else f" - [{left}, {top}, {right}, {bottom}]"
        stretch = (self.width / (right - left)) / (self.height / (bottom - top))
        aspect = "" if abs(stretch - 1) < 0.005 else f", made {stretch:.3g} times as wide for its height"
        sized = "not resized" if (right - left, bottom - top) == (self.width, self.height) else f"{self.filter}{aspect}"
        return f"{width} x {height}{kept} -> {self.width} x {self.height}, {sized}"


class Keys(Protocol):
    """The keys of a data set from which its transform is made."""

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


def transform_of(keys: Keys) -> Transform:
    """Return the transform that the keys of a data set describe. Raises `ValueError` for a crop that is none."""
    sides = keys.resolution if isinstance(keys.resolution, tuple) else (keys.resolution, keys.resolution)
    return Transform(*sides, keys.channels, keys.crop, keys.filter, keys.background)


def _eight_bits(picture: Image, kind: str | None) -> Image:
    """Return a picture whose numbers lie in 0..255: Pillow itself would cut 16 bits off at 255."""
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind in SIXTEEN_BITS_AS_I):
        numbers = np.asarray(picture).astype(np.int64)
        return Image.fromarray(((numbers * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise BadPicture(f'has numbers of 32 bits (mode "{picture.mode}"), and nothing says which is white')
    return picture


def _without_alpha(picture: Image, background: Background) -> Image:
    from PIL import Image

    if picture.mode not in ALPHA and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    colour = (background,) * 3 if isinstance(background, int) else background
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*colour, 255)), picture)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
