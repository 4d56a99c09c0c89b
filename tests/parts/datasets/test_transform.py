"""Transform of pictures: every mode and crop gives the bytes that a viewer shows."""

import struct
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image
from support.messages import assert_names
from support.pictures import noise_picture

from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.bases.pictures.image_formats import open_image
from genkit.bases.pictures.transform import Transform

GREY, COLOUR = noise_picture(6, 8, 1), noise_picture(6, 8, 3)


def seen(picture, channels=3, size=(6, 8), **keys):
    return Transform(*size, channels, **keys)(picture)


def opened(tmp_path, picture, name="x.png", **options):
    picture.save(tmp_path / name, **options)
    return Image.open(tmp_path / name)


def test_a_picture_of_the_right_shape_is_unchanged():
    assert np.array_equal(seen(Image.fromarray(COLOUR)), np.moveaxis(COLOUR, -1, 0))
    assert np.array_equal(seen(Image.fromarray(GREY), 1)[0], GREY)


def test_grey_becomes_three_equal_channels():
    assert np.array_equal(seen(Image.fromarray(GREY)), np.stack([GREY] * 3))


def test_colour_becomes_luma():
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(seen(Image.fromarray(COLOUR), 1)[0] - luma).max() <= 1


def test_sixteen_bit_pictures_keep_their_shades(tmp_path):
    shades = (np.arange(48).reshape(6, 8) * 65535 // 47).astype(np.uint16)
    picture = opened(tmp_path, Image.fromarray(shades))
    assert np.abs(seen(picture, 1)[0] - shades / 257).max() <= 0.5


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_unknown_range_are_bad(dtype):
    with pytest.raises(BadPictureError, match="32-bit values"):
        seen(Image.fromarray(GREY.astype(dtype)))


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "LA", "RGBA", "HSV"])
def test_every_mode_is_converted_as_by_pillow(mode):
    picture = Image.fromarray(COLOUR).convert(mode)
    assert np.array_equal(seen(picture), np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0))


@pytest.mark.parametrize(("background", "expected"), [(255, [255] * 3), (0, [0] * 3), ((1, 2, 3), [1, 2, 3])])
def test_the_background_shows_through(tmp_path, background, expected):
    clear = Image.new("RGBA", (8, 6), (9, 9, 9, 0))
    assert (seen(clear, background=background) == np.array(expected)[:, None, None]).all()
    # A palette with a transparent entry, as GIFs and small PNGs have.
    palette = opened(tmp_path, Image.new("P", (8, 6), 0), transparency=0)
    assert (seen(palette, background=background) == np.array(expected)[:, None, None]).all()


def write_png(path, bits, colour_type, row, transparent):
    """Write a PNG of one row, with a transparent shade; Pillow writes neither 2 and 4 bits nor colours of 16 bits."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width = len(row) * 8 // (bits * (3 if colour_type == 2 else 1))
    header = struct.pack(">IIBBBBB", width, 1, bits, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return open_image(path)


def _open_with_plain_tiles(open_picture, file):
    picture = open_picture(file)
    picture.tile = [tuple(tile) for tile in picture.tile]
    return picture


@pytest.mark.parametrize("plain_tiles", [False, True], ids=["named", "plain"])
@pytest.mark.parametrize(
    ("bits", "colour_type", "row", "transparent", "expected"),
    [
        (16, 0, struct.pack(">3H", 19532, 19533, 512), struct.pack(">H", 19532), [255, 76, 2]),  # both round to 76
        (8, 0, bytes([76, 77]), struct.pack(">H", 76), [255, 77]),
        (4, 0, bytes([0x5A]), struct.pack(">H", 5), [255, 170]),
        (2, 0, bytes([0b00011011]), struct.pack(">H", 1), [0, 255, 170, 255]),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 0), [255] * 8),
        (16, 2, struct.pack(">6H", *[0x1234] * 3, *[0x5678] * 3), struct.pack(">3H", *[0x1234] * 3), [255, 0x56]),
        (8, 2, bytes([9, 9, 9, 8, 8, 8]), struct.pack(">3H", 9, 9, 9), [255, 8]),
    ],
)
def test_a_transparent_shade_shows_the_background_at_every_depth(
    tmp_path, monkeypatch, bits, colour_type, row, transparent, expected, plain_tiles
):
    if plain_tiles:  # as of Pillow 10
        monkeypatch.setattr(Image, "open", partial(_open_with_plain_tiles, Image.open))
    picture = write_png(tmp_path / "x.png", bits, colour_type, row, transparent)
    assert seen(picture, 1, picture.size[::-1])[0, 0].tolist() == expected


def test_a_half_transparent_picture_is_half_background():
    half = Image.new("RGBA", (8, 6), (0, 0, 0, 128))
    assert np.abs(seen(half, background=255).astype(int) - 127).max() <= 1


def test_a_picture_is_turned_upright_as_its_exif_data_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
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


def test_a_crop_keeps_the_aspect_ratio_and_none_changes_it():
    line = np.zeros((30, 10), np.uint8)
    line[10:20] = 255
    assert (seen(Image.fromarray(line), 1, (10, 10), crop="centre") == 255).all()
    assert not (seen(Image.fromarray(line), 1, (10, 10), filter="box")[0, [0, 9]]).any()


def test_a_picture_smaller_than_the_crop_is_bad():
    with pytest.raises(BadPictureError) as caught:
        seen(Image.fromarray(COLOUR), crop=7)
    assert_names(caught.value, "8 x 6 pixels", "crop = 7")


def test_an_empty_crop_is_refused():
    with pytest.raises(ValueError, match=r"crop = \[5, 5, 5, 9\]"):
        Transform(4, 4, 3, crop=(5, 5, 5, 9))


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_the_filters_are_those_of_pillow(name):
    picture = Image.fromarray(noise_picture(20, 24))
    expected = picture.resize((6, 5), Image.Resampling[name.upper()])
    assert np.array_equal(seen(picture, size=(5, 6), filter=name), np.moveaxis(np.asarray(expected), -1, 0))


def test_a_single_pixel_is_bad_unless_the_resolution_is_one_pixel():
    pixel = Image.new("RGB", (1, 1), (1, 2, 3))
    with pytest.raises(BadPictureError, match="single pixel"):
        seen(pixel)
    assert seen(pixel, size=(1, 1)).tolist() == [[[1]], [[2]], [[3]]]


def test_a_transform_describes_what_it_does_to_a_size():
    assert_names(Transform(64, 64, 3).describe(178, 218), "178 x 218 -> 64 x 64, bicubic", "1.22")
    assert Transform(64, 64, 3, crop=148).describe(178, 218) == "178 x 218 - [15, 35, 163, 183] -> 64 x 64, bicubic"
    assert Transform(8, 8, 3).describe(8, 8) == "8 x 8 -> 8 x 8, not resized"
    assert_names(Transform(8, 8, 3, crop=9).describe(8, 8), "8 x 8", "crop = 9")
