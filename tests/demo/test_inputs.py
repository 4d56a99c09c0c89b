"""Inputs of the demo: what is read, and what is refused with the name of what the user gave."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.user_pictures import centred_transform
from genkit.demo.inputs import LARGEST_SEED, number_of, read_picture, read_point, seed_of, transform_of_pictures
from genkit.errors import UsageError

SHAPE = (1, 4, 4)
PIXELS = (np.arange(16).reshape(4, 4) * 16).astype(np.uint8)


def read(path, shape=SHAPE):
    return read_picture(path, centred_transform(shape)).x


def saved(tmp_path, image, name="picture.png"):
    image.save(tmp_path / name)
    return tmp_path / name


def test_a_picture_of_the_right_size_keeps_its_pixels(tmp_path):
    expected = torch.from_numpy(PIXELS.astype(np.float32))[None, None] / 255
    grey = Image.fromarray(PIXELS)
    assert torch.equal(read(saved(tmp_path, grey)), expected)
    opaque = grey.convert("RGBA")
    assert torch.equal(read(saved(tmp_path, opaque, "rgba.png")), expected)
    assert torch.equal(read(saved(tmp_path, opaque, "colour.png"), (3, 4, 4)), expected.expand(-1, 3, -1, -1))


def test_the_transform_is_that_of_the_data(autoencoder):
    trained = autoencoder(torch.rand(16, 2)).trained
    own = Transform(4, 4, 1, crop="none", background=0)
    data = SimpleNamespace(transform=own)
    assert transform_of_pictures(trained, data) == own != transform_of_pictures(trained, None)


def test_a_picture_of_16_bits_keeps_its_brightness(tmp_path):
    deep = Image.fromarray(PIXELS.astype(np.uint16) * 257)
    assert torch.equal(read(saved(tmp_path, deep)), torch.from_numpy(PIXELS.astype(np.float32))[None, None] / 255)


def test_a_large_picture_is_made_smaller(tmp_path):
    assert read(saved(tmp_path, Image.new("RGB", (3000, 2000), "white"))).min() == 1


def bad_text(folder):
    (folder / "notes.png").write_text("not a picture")
    return folder / "notes.png"


def bad_empty(folder):
    (folder / "empty.png").write_bytes(b"")
    return folder / "empty.png"


def bad_cut(folder):
    whole = saved(folder, Image.effect_noise((64, 64), 50), "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.png"


def bad_many(folder):
    np.save(folder / "many.npy", np.zeros((5, 1, 8, 8), np.uint8))
    return folder / "many.npy"


def bad_bomb(folder):
    return saved(folder, Image.new("1", (40_000, 20_000)), "bomb.png")


def bad_pixel(folder):
    return saved(folder, Image.new("L", (1, 1), 51), "pixel.png")


BAD = [bad_text, bad_empty, bad_cut, bad_many, bad_bomb, bad_pixel]


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_file_that_is_no_picture_is_refused_by_its_name(tmp_path, make):
    path = make(tmp_path)
    with pytest.raises(UsageError) as refused:
        read(path)
    text = str(refused.value)
    assert text.startswith(f"{path.name}: ") and str(tmp_path) not in text and "--" not in text


@pytest.mark.parametrize("value", [None, -1, 0.5, float("nan"), float("inf"), 1e30, "1"])
def test_seeds_and_numbers_that_are_none_are_refused(value):
    with pytest.raises(UsageError, match=r"^Seed: "):
        seed_of(value)
    with pytest.raises(UsageError, match=r"^Number: .* 1 to 64"):
        number_of(value, 64)


def test_whole_numbers_are_read_in_any_type():
    assert seed_of(7.0) == 7 == seed_of(7) and seed_of(LARGEST_SEED) == LARGEST_SEED
    assert number_of(64, 64) == 64
    for outside in (0, 65):
        with pytest.raises(UsageError):
            number_of(outside, 64)


def test_points_are_two_finite_numbers():
    assert read_point(" 0.5, -1 ").x.tolist() == [[0.5, -1.0]]
    for text in ("", "1", "1, 2, 3", "a, b", "nan, 0", "0, inf"):
        with pytest.raises(UsageError, match=r"^Point: "):
            read_point(text)
