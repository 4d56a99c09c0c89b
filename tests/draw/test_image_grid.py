"""Image grids: size, pixels, captions, notes and headings."""

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.draw.image_grid import (
    GAP,
    LINE,
    MARGIN,
    NOTE_WIDTH,
    GridRow,
    draw_image_grid,
    magnification,
    save_image_grid,
)

TITLE = "as-introvae on digits, step 2000, ema weights"


def images(count, channels=1, height=28, width=28):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def pixels(rows, title=TITLE):
    return np.asarray(draw_image_grid(rows, title))


def test_the_size_of_a_grid_depends_on_its_images(tmp_path):
    save_image_grid(tmp_path / "grid.png", [GridRow("", images(8)), GridRow("", images(8))], TITLE)
    with Image.open(tmp_path / "grid.png") as picture:
        picture.load()
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        # 28 pixels become 84, the smallest multiple that is at least 80.
        assert picture.width == 2 * MARGIN + 8 * 84 + 7 * GAP
        one_row = draw_image_grid([GridRow("", images(8))], TITLE)
        assert picture.height == one_row.height + 84 + GAP


def test_equal_images_give_equal_bytes_and_no_other_file(tmp_path):
    for name in ("a.png", "b.png"):
        save_image_grid(tmp_path / name, [GridRow("input", images(4))], TITLE)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (28, 28), (20, 32), (128, 96)])
def test_every_pixel_of_an_image_becomes_a_square_of_its_value(channels, size):
    x = images(2, channels, *size)
    factor = magnification(*size)
    height, width = factor * size[0], factor * size[1]
    shown = pixels([GridRow("", x)])[-MARGIN - height : -MARGIN]
    for i in range(2):
        left = MARGIN + i * (width + GAP)
        centres = shown[factor // 2 :: factor, left + factor // 2 : left + width : factor]
        expected = np.rint(x[i].numpy().transpose(1, 2, 0) * 255)
        assert np.array_equal(centres, np.broadcast_to(expected, (*size, 3)))
        block = shown[:height, left : left + width].reshape(size[0], factor, size[1], factor, 3)
        assert (block == block[:, :1, :, :1]).all()


@pytest.mark.parametrize("side, factor", [(8, 10), (28, 3), (32, 3), (64, 2), (80, 1), (256, 1)])
def test_images_are_magnified_to_at_least_80_pixels(side, factor):
    assert magnification(side, side) == factor


def test_values_are_clamped_to_0_and_1_and_nan_is_black():
    x = torch.tensor([-3.0, 0.0, 1.0, 7.0, float("nan"), float("inf")]).reshape(6, 1, 1, 1).expand(-1, 1, 80, 80)
    shown = pixels([GridRow("", x)])[-MARGIN - 40]
    assert [shown[MARGIN + 40 + i * (80 + GAP), 0] for i in range(6)] == [0, 0, 255, 255, 0, 255]


def test_captions_are_dark_text_on_white_to_the_left_of_the_rows():
    black = torch.zeros(3, 1, 80, 80)
    plain, captioned = pixels([GridRow("", black)], ""), pixels([GridRow("reconstruction", black)], "")
    column = captioned.shape[1] - plain.shape[1]
    assert column > 60
    beside = captioned[-MARGIN - 80 : -MARGIN, : MARGIN + column]
    assert (beside == 255).all(axis=-1).mean() > 0.8 and (beside < 100).all(axis=-1).any()
    # No text covers the images or the margin.
    assert np.array_equal(captioned[:, MARGIN + column :], plain[:, MARGIN:])
    assert (captioned[:, : MARGIN - 1] == 255).all()


def test_a_title_wider_than_the_images_widens_the_picture():
    long = draw_image_grid([GridRow("", images(1))], "w" * 100)
    assert long.width > draw_image_grid([GridRow("", images(1))], TITLE).width
    assert (np.asarray(long)[:, -MARGIN:] == 255).all()


def test_a_repeated_caption_starts_a_group_with_a_wider_gap():
    pair = [GridRow("input", images(2)), GridRow("reconstruction", images(2))]
    two_pairs = draw_image_grid(pair + pair, TITLE).height - draw_image_grid(pair, TITLE).height
    assert two_pairs > 2 * (84 + GAP)


@pytest.mark.parametrize(
    "rows, named",
    [
        ([], "no rows"),
        ([GridRow("", torch.zeros(1, 2, 8, 8))], r"\(2, 8, 8\)"),
        ([GridRow("", torch.zeros(4, 2))], r"\(2,\)"),
        ([GridRow("", torch.zeros(1, 1, 8, 8)), GridRow("", torch.zeros(1, 3, 8, 8))], r"\(1, 8, 8\), \(3, 8, 8\)"),
    ],
)
def test_samples_that_do_not_fit_in_a_grid_are_refused(rows, named):
    with pytest.raises(ValueError, match=named):
        draw_image_grid(rows, TITLE)


def test_a_note_and_headings_are_above_the_images_and_do_not_change_them():
    rows = [GridRow("", images(3))]
    plain, explained = pixels(rows), np.asarray(draw_image_grid(rows, TITLE, "what it shows", ["a", "b", "c"]))
    assert explained.shape[0] == plain.shape[0] + 2 * LINE
    lowest = 84 + MARGIN
    assert np.array_equal(explained[-lowest:, : plain.shape[1]], plain[-lowest:])
    headings = explained[-lowest - GAP - LINE : -lowest - GAP]
    assert (headings < 100).all(axis=-1).any()


def test_a_long_note_is_wrapped_and_not_cut():
    rows = [GridRow("", images(1))]
    short, long = draw_image_grid(rows, "", "word"), draw_image_grid(rows, "", "word " * 60)
    assert long.width <= MARGIN + NOTE_WIDTH + MARGIN and (long.height - short.height) % LINE == 0
    assert long.height > short.height + 2 * LINE
    assert (np.asarray(long)[:, -MARGIN:] == 255).all()
