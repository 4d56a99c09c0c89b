"""Pictures of samples for a page: exact pixels of images, and scatter plots of points in the plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from genkit.draw.density import half_width_of
from genkit.draw.image_grid import GAP, fits, tiles
from genkit.draw.scatter import save_point_paths, save_point_samples
from genkit.errors import UsageError
from genkit.notebook.trained_model import TrainedModel

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 8
IMAGES, POINTS = 16, 1_000  # samples that are drawn at first
MOST_IMAGES, MOST_POINTS = 64, 10_000
SIDE_BY_SIDE, ON_A_LINE = 9, 41  # samples that a path is shown with: images, points


class Shown(NamedTuple):
    """A picture on the page."""

    picture: Image
    caption: str
    size: Literal["single", "strip", "plot"]


class View(Protocol):
    """How samples of one shape are shown."""

    first: int
    """Number of samples that are drawn at first."""
    most: int
    """Largest number of samples in one picture."""
    stops: int
    """Number of samples that a path is shown with."""

    def samples(self, x: Tensor, caption: str) -> Shown:
        """Return a picture of samples, (N, *data_shape)."""
        ...

    def pair(self, x: Tensor, other: Tensor, names: tuple[str, str]) -> list[Shown]:
        """Return pictures of a sample, and of what became of it, each (1, *data_shape)."""
        ...

    def path(self, decoded: Tensor, here: Tensor, at: str) -> list[Shown]:
        """Return pictures of the samples on a path, (S, *data_shape), and of one of them, (1, *data_shape)."""
        ...

    def traversal(self, decoded: Tensor) -> list[Shown]:
        """Return pictures of a sample that is moved along K directions, (K, S, *data_shape)."""
        ...


class ImageView:
    """Images with exactly the pixels that the network returned, each magnified to a square of pixels."""

    def __init__(self, shape: tuple[int, ...]):
        self.most = next((number for number in (MOST_IMAGES, IMAGES) if fits(number, COLUMNS, shape)), 1)
        self.first = min(IMAGES, self.most)
        self.stops = SIDE_BY_SIDE

    def samples(self, x: Tensor, caption: str) -> Shown:
        """Return a grid of images, (N, 1 | 3, H, W) in [0, 1], in rows of eight."""
        return Shown(grid(x, COLUMNS), caption, "strip")

    def pair(self, x: Tensor, other: Tensor, names: tuple[str, str]) -> list[Shown]:
        """Return both images."""
        return [Shown(grid(each, 1), name, "single") for each, name in zip((x, other), names, strict=True)]

    def path(self, decoded: Tensor, here: Tensor, at: str) -> list[Shown]:
        """Return one image, and those of the path in a row."""
        return [Shown(grid(here, 1), at, "single"), Shown(grid(decoded, len(decoded)), "From start to end", "strip")]

    def traversal(self, decoded: Tensor) -> list[Shown]:
        """Return a row of images for each direction."""
        return [
            Shown(grid(images, len(images)), f"Along direction {number}", "strip")
            for number, images in enumerate(decoded, 1)
        ]


class PlaneView:
    """Scatter plots of points in the plane. All have one scale, unless a point is outside."""

    first, most, stops = POINTS, MOST_POINTS, ON_A_LINE

    def __init__(self, usual: Tensor):
        """`usual`, (N, 2), are samples that decide the scale."""
        self.half_width = half_width_of(usual)

    def samples(self, x: Tensor, caption: str) -> Shown:
        """Return a scatter plot of points, (N, 2)."""
        return Shown(_plotted(partial(save_point_samples, samples=x, title="")), caption, "plot")

    def pair(self, x: Tensor, other: Tensor, names: tuple[str, str]) -> list[Shown]:
        """Return one plot of both points."""
        marked = {names[0]: x[0], names[1]: other[0]}
        return [self._paths({}, marked, f"{names[0]}, and {names[1].lower()}")]

    def path(self, decoded: Tensor, here: Tensor, at: str) -> list[Shown]:
        """Return one plot of the path, with a ring around one point."""
        return [self._paths({"from start to end": decoded}, {"here": here[0]}, at)]

    def traversal(self, decoded: Tensor) -> list[Shown]:
        """Return one plot with a line for each direction."""
        lines = {f"direction {number}": points for number, points in enumerate(decoded, 1)}
        start = {"start": decoded[0, decoded.shape[1] // 2]}
        return [self._paths(lines, start, "Along the directions")]

    def _paths(self, paths: Mapping[str, Tensor], marked: Mapping[str, Tensor], caption: str) -> Shown:
        save = partial(save_point_paths, paths=paths, marked=marked, half_width=self.half_width)
        return Shown(_plotted(save), caption, "plot")


def view_of(place: Path, model: TrainedModel) -> View:
    """Return how samples of a model are shown. Raises `UsageError` if they have no picture."""
    match model.data_shape:
        case (2,):
            return PlaneView(model.sample(POINTS))
        case (1 | 3, _, _) as shape:
            return ImageView(shape)
    raise UsageError(
        f"{place}: its samples have the shape {model.data_shape}, which has no picture. `genkit demo` shows images of "
        "one or three channels and points in the plane; `genkit sample` writes samples of any shape as an array."
    )


def grid(images: Tensor, columns: int) -> Image:
    """Return images, (N, 1 | 3, H, W) in [0, 1], in rows of `columns` on a transparent ground, magnified as figures."""
    from PIL import Image

    magnified = tiles(images)
    number, height, width, _ = magnified.shape
    columns = min(columns, number)
    rows = -(-number // columns)
    pixels = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)
    for index, tile in enumerate(magnified):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        pixels[top : top + height, left : left + width, :3] = tile
        pixels[top : top + height, left : left + width, 3] = 255
    return Image.fromarray(pixels, "RGBA")


def _plotted(save: Callable[[Path], None]) -> Image:
    """Return the picture that a function writes to a file."""
    from PIL import Image

    with TemporaryDirectory() as folder:
        path = Path(folder, "plot.png")
        save(path)
        with Image.open(path) as picture:
            return picture.convert("RGB")
