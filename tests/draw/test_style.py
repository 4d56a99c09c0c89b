"""The layout of a picture: no part covers another, and none leaves the picture."""

import warnings
from itertools import combinations

import numpy as np
import torch
from PIL import Image

from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.draw.scatter import save_point_panels
from genkit.draw.style import new_figure
from genkit.storage.picture_title import title_of


def test_no_axes_cover_others_or_the_title_and_none_leave_the_picture(tmp_path):
    with new_figure(tmp_path / "a.png", "title", 6.0, 4.0) as figure:
        for axes in figure.subplots(2, 3).flat:
            axes.set(title="two\nlines", xlabel="step", ylabel="two\nlines", ylim=(0, 10_000_000))
            axes.ticklabel_format(axis="y", style="plain")
    boxes = [each.get_tightbbox() for each in (*figure.axes, *figure.texts)]
    assert len(boxes) == 7
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)
    for box in boxes:
        assert box.min.min() >= 0 and (box.max <= figure.bbox.max).all(), box


def _is_cut_whole(path, without) -> bool:
    """Return whether the pixels below the title of a picture are those of the picture without a title, moved.

    What is cut has ink, and between it and the rest there is a white line.
    """
    pixels = np.asarray(Image.open(path).convert("L")).astype(int)
    height = title_of(Image.open(path)).height
    return bool(
        pixels[:height].min() < 100 and pixels[height - 1 : height + 1].min() > 200 and _ink(pixels[height:]) == without
    )


def _ink(pixels) -> int:
    return int((pixels < 128).sum())


def test_what_a_page_cuts_from_a_picture_is_its_title_and_nothing_else(tmp_path):
    rows = [GridRow("a row", torch.zeros(6, 1, 28, 28))]
    title, note = "Ag|: step 30", "Words of a note. " * 20
    save_image_grid(tmp_path / "a.png", rows, title, note, ["1", "2", "3", "4", "5", "6"])
    save_image_grid(tmp_path / "b.png", rows, "", "", ["1", "2", "3", "4", "5", "6"])
    assert title_of(Image.open(tmp_path / "b.png")) is None
    assert title_of(Image.open(tmp_path / "a.png"))[:2] == (title, note)
    assert _is_cut_whole(tmp_path / "a.png", _ink(np.asarray(Image.open(tmp_path / "b.png").convert("L")).astype(int)))


def test_the_title_of_a_figure_may_have_lines(tmp_path):
    panels = {"Ag|": torch.zeros(1, 2)}
    save_point_panels(tmp_path / "a.png", panels, title := "A title of several words: step 30, ema weights", "note")
    with Image.open(tmp_path / "a.png") as picture:
        found = title_of(picture)
        pixels = np.asarray(picture.convert("L")).astype(int)
    assert found.title == title and found.note == ""
    assert pixels[: found.height].min() < 100 < 200 < pixels[found.height : found.height + 2].min()
    assert pixels[found.height : found.height + 40].min() < 100, "the title of the panel is left"


def test_a_title_with_characters_that_no_font_has_is_drawn_without_a_warning(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with new_figure(tmp_path / "a.png", "palette \U0001f3a8, bell \x07", 3.0, 2.0) as figure:
            figure.subplots().set_xlabel("\U0001f3a8")
            warnings.warn("of the block", UserWarning, stacklevel=1)
    assert [str(each.message) for each in caught] == ["of the block"]
    assert title_of(Image.open(tmp_path / "a.png")).title.startswith("palette")
