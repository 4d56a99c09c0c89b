"""Small pictures of samples, a few dozen pixels high: what a terminal has room for.

The pictures of a run have titles and captions, which nobody could read at that size. So images are laid out again, as
many as have room at a size that shows them, and points in the plane are counted in squares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAP = 1  # pixels between images
ENOUGH = 8  # images that are worth smaller ones
SMALLEST = 6  # pixels of the height of an image
RARE, OFTEN = np.array([40, 70, 130]), np.array([255, 235, 120])  # colours of squares with few and with many points
COVERED = 0.99  # share of the points, along each axis, that the squares cover

Pixels = np.ndarray  # (H, W, 4) uint8: red, green, blue and alpha, which is 0 between images


def glance(samples: np.ndarray, width: int, height: int) -> Pixels | None:
    """Return a picture of samples, at most `width` x `height` pixels; None if there is no room, or no such picture.

    Images, (N, C, H, W) with C = 1 or 3, in [0, 1] or uint8: the first ones, in rows. Points, (N, 2): how many are in
    each square.
    """
    if samples.ndim == 2 and samples.shape[1] == 2:
        return _counts(samples, min(width, height))
    if samples.ndim != 4 or samples.shape[1] not in (1, 3) or not len(samples):
        return None
    for number in range(1, height // (SMALLEST + GAP) + 2):
        tile = _tile(samples.shape[2:], number, height)
        columns = (width + GAP) // (tile[1] + GAP)
        if number * columns >= min(len(samples), ENOUGH):
            break
    columns = min(columns, -(-len(samples) // number))  # rows of equal length, if all images have room
    rows = [samples[first : first + columns] for first in range(0, number * columns, max(columns, 1))]
    return _grid([row for row in rows if len(row)], tile, width, height)


def glance_at_rows(rows: Sequence[np.ndarray], width: int, height: int, *, whole: bool = False) -> Pixels | None:
    """Return a picture of rows of images, each (N, C, H, W); the first rows and columns if not all have room.

    `whole`: a row is not cut, so its images are as small as that needs.
    """
    if not rows or rows[0].ndim != 4 or rows[0].shape[1] not in (1, 3) or not len(rows[0]):
        return None
    shape, number = rows[0].shape[2:], len(rows)
    if whole:
        widest = (width + GAP) // len(rows[0]) - GAP
        tile = _scaled(shape, min(shape[0], widest * shape[0] // shape[1], height))
        number = min(number, (height + GAP) // (tile[0] + GAP))
    else:
        tile = _tile(shape, number, height)
    return _grid(rows[:number], tile, width, height)


def _tile(shape: tuple[int, ...], rows: int, height: int) -> tuple[int, int]:
    """Return the height and width of images in rows that fill a height; they are not magnified."""
    return _scaled(shape, min(shape[0], (height + GAP) // rows - GAP))


def _scaled(shape: tuple[int, ...], height: int) -> tuple[int, int]:
    return height, max(1, round(height * shape[1] / shape[0]))


def _grid(rows: Sequence[np.ndarray], tile: tuple[int, int], width: int, height: int) -> Pixels | None:
    if tile[0] < SMALLEST:
        return None
    columns = min((width + GAP) // (tile[1] + GAP), max(map(len, rows)))
    if columns < 1 or not rows:
        return None
    down, across = tile[0] + GAP, tile[1] + GAP
    pixels = np.zeros((down * len(rows) - GAP, across * columns - GAP, 4), np.uint8)
    for number, row in enumerate(rows):
        for column, image in enumerate(row[:columns]):
            place = pixels[down * number :, across * column :][: tile[0], : tile[1]]
            place[..., :3], place[..., 3] = _resized(image, tile), 255
    return pixels


def _resized(image: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Return an image, (C, H, W), as (h, w, 3) uint8; a smaller one is the mean over its pixels. NaN is black."""
    from PIL import Image

    if image.dtype != np.uint8:
        image = (np.nan_to_num(image, nan=0.0).clip(0, 1) * 255).round().astype(np.uint8)
    colours = np.repeat(image, 3, 0) if len(image) == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 2, 0)))
    return np.asarray(picture.resize(tile[::-1], Image.Resampling.BOX))


def _counts(points: np.ndarray, side: int) -> Pixels | None:
    """Return the logarithms of counts in side x side squares as colours; the second coordinate points upwards."""
    points = points[np.isfinite(points).all(1)].astype(float)
    if not len(points) or side < SMALLEST:
        return None
    low, high = np.quantile(points, [(1 - COVERED) / 2, (1 + COVERED) / 2], axis=0)
    centre, half = (low + high) / 2, 0.55 * max(*(high - low), 1e-6)
    edges = [np.linspace(middle - half, middle + half, side + 1) for middle in centre]
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=edges)[0].T[::-1]
    share = (np.log1p(counts) / np.log1p(max(counts.max(), 1)))[..., None]
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., :3] = (RARE + share * (OFTEN - RARE)).round()
    pixels[..., 3] = 255 * (counts > 0)
    return pixels
