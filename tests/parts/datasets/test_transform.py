"""What a picture goes through: every kind of picture becomes the bytes that it shows."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import noise_picture

from genkit.parts.datasets.pictures.source import BadPicture
from genkit.parts.datasets.pictures.transform import Transform

GREY, COLOUR = noise_picture(6, 8, 1), noise_picture(6, 8, 3)


def seen(picture, channels=3, size=(6, 8), **keys):
    return Transform(*size, channels, **keys)(picture)


def opened(tmp_path, picture, name="x.png", **options):
    picture.save(tmp_path / name, **options)
    return Image.open(tmp_path / name)


def test_a_picture_of_the_wanted_shape_is_left_as_it_is():
    assert np.array_equal(seen(Image.fromarray(COLOUR)), np.moveaxis(COLOUR, -1, 0))
    assert np.array_equal(seen(Image.fromarray(GREY), 1)[0], GREY)


def test_grey_becomes_three_equal_channels():
    assert np.array_equal(seen(Image.fromarray(GREY)), np.stack([GREY] * 3))


def test_colour_becomes_its_luma():
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(seen(Image.fromarray(COLOUR), 1)[0] - luma).max() <= 1


def test_sixteen_bits_keep_their_shades(tmp_path):
    shades = (np.arange(48).reshape(6, 8) * 65535 // 47).astype(np.uint16)
    picture = opened(tmp_path, Image.fromarray(shades))
    assert np.abs(seen(picture, 1)[0] - shades / 257).max() <= 0.5


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_without_a_range_are_bad(dtype):
    with pytest.raises(BadPicture, match="nothing says which is white"):
        seen(Image.fromarray(GREY.astype(dtype)))


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "LA", "RGBA", "HSV"])
def test_every_mode_shows_what_pillow_shows(mode):
    picture = Image.fromarray(COLOUR).convert(mode)
    assert np.array_equal(seen(picture), np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0))


@pytest.mark.parametrize(("background", "expected"), [(255, [255] * 3), (0, [0] * 3), ((1, 2, 3), [1, 2, 3])])
def test_the_background_shows_through(tmp_path, background, expected):
    clear = Image.new("RGBA", (8, 6), (9, 9, 9, 0))
    assert (seen(clear, background=background) == np.array(expected)[:, None, None]).all()
    # A palette with a transparent entry, as GIFs and small PNGs have.
    palette = opened(tmp_path, Image.new("P", (8, 6), 0), transparency=0)
    assert (seen(palette, background=background) == np.array(expected)[:, None, None]).all()


def test_half_transparent_is_half_background():
    half = Image.new("RGBA", (8, 6), (0, 0, 0, 128))
    assert np.abs(seen(half, background=255).astype(int) - 127).max() <= 1


def test_a_picture_stands_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter to the right
    turned = opened(tmp_path, Image.fromarray(COLOUR), exif=exif)
    assert np.array_equal(seen(turned, size=(8, 6)), np.moveaxis(np.rot90(COLOUR, -1), -1, 0))


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        ("none", (0, 0, 178, 218)),
        ("centre", (0, 20, 178, 198)),
        (148, (15, 35, 163, 183)),
        ((200, 100), (39, 9, 139, 209)),
        ((15, 40, 163, 188), (15, 40, 163, 188)),
    ],
)
def test_the_box_of_a_crop(crop, box):
    assert Transform(64, 64, 3, crop=crop).box(178, 218) == box


def test_a_crop_keeps_the_aspect_and_none_distorts_it():
    line = np.zeros((30, 10), np.uint8)
    line[10:20] = 255
    assert (seen(Image.fromarray(line), 1, (10, 10), crop="centre") == 255).all()
    assert not (seen(Image.fromarray(line), 1, (10, 10), filter="box")[0, [0, 9]]).any()


def test_a_picture_smaller_than_the_crop_is_bad():
    with pytest.raises(BadPicture, match=r"8 x 6 pixels, too few for crop = 7"):
        seen(Image.fromarray(COLOUR), crop=7)


def test_an_empty_crop_is_refused():
    with pytest.raises(ValueError, match=r"crop = \[5, 5, 5, 9\] is empty"):
        Transform(4, 4, 3, crop=(5, 5, 5, 9))


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_the_filters_are_pillows(name):
    picture = Image.fromarray(noise_picture(20, 24))
    expected = picture.resize((6, 5), Image.Resampling[name.upper()])
    assert np.array_equal(seen(picture, size=(5, 6), filter=name), np.moveaxis(np.asarray(expected), -1, 0))


def test_a_single_pixel_is_no_picture_unless_the_network_sees_one():
    pixel = Image.new("RGB", (1, 1), (1, 2, 3))
    with pytest.raises(BadPicture, match="is a single pixel"):
        seen(pixel)
    assert seen(pixel, size=(1, 1)).tolist() == [[[1]], [[2]], [[3]]]


def test_what_happens_is_told():
    assert Transform(64, 64, 3).describe(178, 218) == (
        "178 x 218 -> 64 x 64, bicubic, made 1.22 times as wide for its height"
    )
    assert Transform(64, 64, 3, crop=148).describe(178, 218) == "178 x 218 - [15, 35, 163, 183] -> 64 x 64, bicubic"
    assert Transform(8, 8, 3).describe(8, 8) == "8 x 8 -> 8 x 8, not resized"
    assert "too few" in Transform(8, 8, 3, crop=9).describe(8, 8)
