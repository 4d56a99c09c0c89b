"""Picture of anomaly maps: input, reconstruction, map, and the input with the pixels above a threshold marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genkit.draw.image_grid import CAPTION_SIZE, MARGIN, GridRow, draw_image_grid, grid_font
from genkit.draw.style import COLOURS, INK
from genkit.storage.atomic import write_file

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 8
COLOUR_MAP = "inferno"  # its lightness rises evenly, so it can also be read in grey
DIMMED, TINT = 0.45, 0.75  # brightness of the input below the marks, and their opacity
MARK = COLOURS[4]  # orange, light in grey
BAR_WIDTH, BAR_HEIGHT, TICK = 320, 14, 5  # pixels


@dataclass(frozen=True)
class ShownMaps:
    """Some pictures with their maps, in the order in which they are drawn."""

    inputs: Tensor  # (N, C, H, W) in [0, 1], C = 1 or 3
    outputs: Tensor  # (N, C, H, W), the reconstructions
    maps: Tensor  # (N, H, W)
    masks: Tensor | None = None  # (N, H, W) bool; True for abnormal pixels
    names: Sequence[str] = ()  # of the pictures; none are drawn without them
    scores: Sequence[float] = ()


def save_anomaly_grid(path: Path, shown: ShownMaps, threshold: float, title: str, note: str) -> None:
    """Write pictures in rows of eight: inputs, reconstructions, maps, marked inputs, and masks if there are any.

    The name and the score of a picture are above its input.
    All maps have one scale, which the bar at the bottom explains; it ends at the largest pixel shown.
    """
    ends = min(0.0, shown.maps.min().item()), max(shown.maps.max().item(), threshold)
    rows = []
    for start in range(0, len(shown.inputs), COLUMNS):
        here = slice(start, start + COLUMNS)
        labels = [(name, f"{score:.4g}") for name, score in zip(shown.names[here], shown.scores[here], strict=True)]
        inputs, maps = _as_colour(shown.inputs[here]), shown.maps[here]
        rows += [
            GridRow("input", inputs, labels),
            GridRow("reconstruction", _as_colour(shown.outputs[here])),
            GridRow("map", coloured(maps, *ends)),
            GridRow("above threshold", marked(inputs, maps > threshold)),
        ]
        if shown.masks is not None:
            rows.append(GridRow("mask", _as_colour(shown.masks[here, None].float())))
    picture = _with_bar(draw_image_grid(rows, title, note), threshold, *ends)
    png = io.BytesIO()
    picture.save(png, format="PNG")
    write_file(path, png.getvalue())


def coloured(maps: Tensor, low: float, high: float) -> Tensor:
    """Return maps as colours, (N, H, W) -> (N, 3, H, W): black at `low`, light yellow at `high`."""
    from matplotlib import colormaps

    scaled = (maps.double() - low) / (high - low) if high > low else torch.zeros_like(maps)
    return torch.from_numpy(colormaps[COLOUR_MAP](scaled.numpy())[..., :3]).permute(0, 3, 1, 2)


def marked(images: Tensor, abnormal: Tensor) -> Tensor:
    """Return dimmed images, (N, 3, H, W), with some pixels tinted, (N, H, W) bool."""
    from matplotlib.colors import to_rgb

    colour = torch.tensor(to_rgb(MARK), dtype=images.dtype)[:, None, None]
    return torch.where(abnormal[:, None], (1 - TINT) * images + TINT * colour, DIMMED * images)


def _as_colour(images: Tensor) -> Tensor:
    return images.clamp(0, 1).double().expand(-1, 3, -1, -1)


def _with_bar(grid: Image, threshold: float, low: float, high: float) -> Image:
    """Return the grid with a bar of the colours of the maps below it, on which the threshold is marked."""
    from PIL import Image, ImageDraw

    font = grid_font(CAPTION_SIZE)
    line = CAPTION_SIZE + 4
    name = f"threshold {threshold:.4g}"
    least = MARGIN + BAR_WIDTH + MARGIN + round(font.getlength(f"{high:.4g}"))
    canvas = Image.new("RGB", (max(grid.width, least), grid.height + 2 * line + BAR_HEIGHT + MARGIN), "white")
    canvas.paste(grid, (0, 0))
    pen, top = ImageDraw.Draw(canvas), grid.height + line
    steps = torch.linspace(low, high, BAR_WIDTH)[None, None].expand(1, BAR_HEIGHT, -1)
    colours = (coloured(steps, low, high)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    canvas.paste(Image.fromarray(colours), (MARGIN, top))
    place = MARGIN + (round((threshold - low) / (high - low) * (BAR_WIDTH - 1)) if high > low else 0)
    pen.line([(place, top - TICK), (place, top + BAR_HEIGHT + TICK)], fill=INK, width=2)
    half = round(font.getlength(name) / 2)
    centre = min(max(place, MARGIN + half), canvas.width - MARGIN - half)
    pen.text((centre, top - TICK - 2), name, INK, font, anchor="ms")
    below = top + BAR_HEIGHT + 2
    pen.text((MARGIN, below), f"{low:.4g}", INK, font, anchor="la")
    pen.text((MARGIN + BAR_WIDTH, below), f"{high:.4g}", INK, font, anchor="ma")
    return canvas
