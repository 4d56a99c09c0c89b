"""User pictures: read a chunk at a time, transformed as the pictures of a data set are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names
from support.pictures import batch, noise_picture, write_folder, write_picture

from genkit.bases.pictures.user_pictures import (
    centred_transform,
    files_of,
    open_user_pictures,
    read_user_pictures,
    transform_for,
)
from genkit.errors import UsageError
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.runs.user_pictures.user_sets import open_user_sets

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("own_cache")]

GREY = centred_transform((1, 8, 8))


def test_they_are_exactly_the_pictures_that_a_data_set_of_the_folder_has(tmp_path):
    folder = write_folder(tmp_path / "x" / "train", 7, size=20)
    write_folder(tmp_path / "x" / "test", 1, size=20)
    Image.fromarray(noise_picture(20, 20, 4)).save(folder / "transparent.png")
    keys = {"resolution": (5, 6), "channels": 3, "crop": (9, 12), "filter": "lanczos", "background": (9, 90, 200)}
    data = ImageFolder(path=tmp_path / "x", **keys)
    pictures = open_user_pictures(folder, transform_for(data, data.shape))
    x = torch.cat(list(pictures.chunks(3)))
    assert x.shape == (8, 3, 5, 6) and len(pictures) == 8
    assert torch.equal(x, batch(data, list(range(8))).x)
    assert [pictures.name(index) for index in range(8)] == [f"{index:04d}.png" for index in range(7)] + [
        "transparent.png"
    ]


@pytest.mark.parametrize("size", [1, 4, 5, 99])
def test_chunks_do_not_depend_on_their_size(tmp_path, size):
    pictures = open_user_pictures(write_folder(tmp_path / "x", 5), GREY)
    chunks = list(pictures.chunks(size))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert torch.equal(torch.cat(chunks), read_user_pictures(tmp_path / "x", 5, (1, 8, 8))[0])


def test_a_chunk_decodes_no_other_picture(tmp_path):
    folder = write_folder(tmp_path / "x", 6)
    pictures = open_user_pictures(folder, GREY)
    for index in (0, 1, 4, 5):
        (folder / f"{index:04d}.png").unlink()
    assert pictures.chunk(2, 2).shape == (2, 1, 8, 8)


def test_data_without_a_transform_get_the_largest_centred_box():
    assert transform_for(Digits(), (1, 28, 28)) == centred_transform((1, 28, 28))
    assert centred_transform((3, 10, 20)).box(60, 60) == (0, 15, 60, 45)


@pytest.mark.parametrize("shape", [(2,), (4, 8, 8), (8, 8)])
def test_a_model_of_other_samples_is_refused(shape):
    with pytest.raises(ValueError):
        centred_transform(shape)


def test_all_bad_pictures_are_listed_together(tmp_path):
    folder = write_folder(tmp_path / "x", 6, size=20)
    write_picture(folder / "0002.png", noise_picture(1, 1))
    (folder / "0004.png").write_text("<html>")
    write_picture(folder / "sub" / "a\nb.png", noise_picture(9, 20))
    pictures = open_user_pictures(folder, transform_for(ImageFolder(path=folder, resolution=8, crop=10), (3, 8, 8)))
    assert len(pictures.chunk(0, 2)) == 2
    with pytest.raises(UsageError) as caught:
        list(pictures.chunks(2))
    assert_names(caught.value, f"--data {folder}: 3 of 7 ", "0002.png: ", "0004.png: ", "sub/a\\nb.png: 20 x 9 ")


def test_a_single_file_is_named_once(tmp_path):
    write_picture(tmp_path / "dot.png", noise_picture(1, 1))
    with pytest.raises(UsageError) as caught:
        open_user_pictures(tmp_path / "dot.png", GREY, "--normal").chunk(0, 1)
    assert str(caught.value).count("dot.png") == 1
    assert_names(caught.value, f"--normal {tmp_path / 'dot.png'}: ")


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_are_pictures_too(tmp_path, ending):
    bytes_ = np.stack([noise_picture(8, 8, 1, seed) for seed in range(5)])
    for name, array in (("bytes", bytes_), ("floats", bytes_.astype(np.float32) / 255)):
        path = tmp_path / f"{name}.{ending}"
        np.save(path, array) if ending == "npy" else np.savez(path, x=array, labels=np.arange(5))
        pictures = open_user_pictures(path, GREY)
        assert torch.equal(torch.cat(list(pictures.chunks(2))), torch.from_numpy(bytes_[:, None]).float() / 255)
        assert pictures.name(3) == "row 3"
        assert pictures.label(3) == ("" if ending == "npy" else "3")
        assert list(pictures.files()) == [path]
        assert torch.equal(read_user_pictures(path, 2, (1, 8, 8))[0], pictures.chunk(0, 2))


def test_a_value_that_is_no_number_is_refused_with_its_row(tmp_path):
    array = np.full((6, 8, 8), 0.5)
    array[4, 2, 2], array[5, 0, 0] = np.nan, np.inf
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UsageError) as caught:
        list(open_user_pictures(tmp_path / "x.npy", GREY).chunks(4))
    assert_names(caught.value, f"--data {tmp_path / 'x.npy'}: 2 of 6 ", "row 4: ", "row 5: ")


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"x": np.zeros((2, 8, 8), np.uint16)}, ("uint16", "window", "percentiles")),
        ({"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros((2, 8, 8), np.uint8)}, ("x, y",)),
        ({"x": np.full((2, 8, 8), 255.0)}, ("255", "window", "percentiles")),
        ({"x": np.zeros((2, 3, 8, 3), np.uint8)}, ("NHWC",)),
        ({"x": np.zeros((0, 8, 8), np.uint8)}, ("no picture", "(0, 8, 8)")),
    ],
)
def test_a_message_about_an_array_names_the_option(tmp_path, arrays, named):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UsageError) as caught:
        open_user_pictures(tmp_path / "x.npz", GREY)
    assert_names(caught.value, f"--data {tmp_path / 'x.npz'}: ", *named)
    assert f"[data] {tmp_path}" not in str(caught.value) and "layout to" not in str(caught.value)


def test_sub_folders_are_labels_and_part_of_the_names(tmp_path):
    write_folder(tmp_path / "x" / "good", 1)
    write_folder(tmp_path / "x" / "bad" / "deep", 1)
    write_folder(tmp_path / "x", 1)
    pictures = open_user_pictures(tmp_path / "x", GREY)
    named = {pictures.name(index): pictures.label(index) for index in range(3)}
    assert named == {"0000.png": "", "bad/deep/0000.png": "bad", "good/0000.png": "good"}


def test_the_files_of_a_split_are_known(tmp_path):
    folder = write_folder(tmp_path / "x", 9)
    data = ImageFolder(path=folder, resolution=8, hold_out=0.3)
    train, test = (set(files_of(each.listed)) for each in (data, data.held_out()))
    assert train and test and not train & test
    assert train | test == set(folder.iterdir())


@pytest.mark.parametrize("option", ["--data", "--normal"])
def test_a_folder_without_pictures_names_its_first_array_file(tmp_path, option):
    for name in ("labels-idx1-ubyte.gz", "x10.npz", "x2.npz"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        open_user_pictures(tmp_path, GREY, option)
    assert_names(caught.value, f"{option} {tmp_path}", f"{option} {tmp_path / 'x2.npz'}")
    assert "x10.npz" not in str(caught.value)


def save(folder, name, pixels, **keys):
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name, **keys)


def remarks_on(place, channels):
    """Return the remarks on channels after two readings, the second of which counts nothing again."""
    pictures = open_user_pictures(place, centred_transform((channels, 8, 8)))
    for size in (2, 99):
        list(pictures.chunks(size))
    return [line for line in pictures.remark().splitlines() if "read as" not in line]


def test_colour_that_is_made_grey_is_remarked_and_grey_in_colour_files_is_not(tmp_path):
    folder, grey = tmp_path / "x", noise_picture(16, 16, 1).reshape(16, 16)
    save(folder, "a.png", np.stack([grey] * 3, axis=-1))
    smooth = np.stack([np.linspace(0, 200, 16, dtype=np.uint8)] * 16)
    save(folder, "b.jpg", np.stack([smooth] * 3, axis=-1))  # JPEG rounds the colours
    save(folder, "c.png", grey)
    assert remarks_on(folder, 1) == []
    save(folder, "d.png", noise_picture(16, 16, 3))
    Image.fromarray(noise_picture(16, 16, 3)).convert("P").save(folder / "e.png")
    [line] = remarks_on(folder, 1)
    assert_names(line, f"--data {folder}: ", "2 of 5 pictures", "grey", "d.png")
    assert [line.split(" pictures ")[0] for line in remarks_on(folder, 3)] == [f"--data {folder}: 1 of 5"]
    assert_names(remarks_on(folder, 3)[0], "c.png", "colour")


def test_transparency_that_is_filled_is_remarked_and_an_opaque_alpha_is_not(tmp_path):
    folder, rgba = tmp_path / "x", noise_picture(16, 16, 4)
    rgba[..., 3] = 255
    save(folder, "a.png", rgba)
    assert remarks_on(folder, 3) == []
    rgba[2, 3, 3] = 128
    save(folder, "b.png", rgba)
    save(folder, "c.png", np.zeros((16, 16), np.uint8), transparency=0)
    found = remarks_on(folder, 3)
    assert [names for names in ("b.png", "c.png") for line in found if line.endswith(names)] == ["b.png", "c.png"]
    [line] = [line for line in found if "transparent" in line]
    assert_names(line, "2 of 3 pictures", "b.png")
    assert_names(remarks_on(folder / "b.png", 3)[0], "the picture is transparent")


def test_channels_of_arrays_are_remarked_as_those_of_files(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3), dtype=np.uint8)
    colour[2:] = colour[2:, ..., :1]  # two grey ones
    np.save(tmp_path / "x.npy", colour)
    np.save(tmp_path / "y.npy", colour[..., 0])
    assert_names(remarks_on(tmp_path / "x.npy", 1)[0], "2 of 4 pictures")
    assert remarks_on(tmp_path / "x.npy", 3) == remarks_on(tmp_path / "y.npy", 1) == []
    assert_names(remarks_on(tmp_path / "y.npy", 3)[0], "4 of 4 pictures")


def remarked(place, data, shape=(1, 12, 12)) -> str:
    """Return the remarks on user pictures for a model that was trained on these data."""
    [pictures] = open_user_sets([place], data, shape, "--data")
    list(pictures.chunks(3))
    return pictures.remark()


def test_a_change_of_size_or_depth_that_training_pictures_undergo_is_not_remarked(tmp_path):
    for number in range(40):
        pixels = noise_picture(30, 50, 1, number) if number % 2 else noise_picture(8, 8, 1, number)
        write_picture(tmp_path / "mixed" / f"{number}.png", pixels)
        write_picture(tmp_path / "square" / f"{number}.png", noise_picture(12, 12, 1, number))
    write_picture(tmp_path / "x" / "deep.png", np.full((9, 9), 40_000, np.uint16))
    write_picture(tmp_path / "x" / "same.png", noise_picture(24, 24, 1))
    write_picture(tmp_path / "x" / "wide.png", noise_picture(20, 60, 1))
    keys = {"resolution": 12, "channels": 1, "crop": "centre", "hold_out": 0.1}
    mixed = remarked(tmp_path / "x", ImageFolder(path=tmp_path / "mixed", **keys))
    assert_names(mixed, "1 of 3 pictures is of more than 8 bits", "such as deep.png (9 x 9)")
    assert "cropped" not in mixed and "enlarged" not in mixed
    square = remarked(tmp_path / "x", ImageFolder(path=tmp_path / "square", **keys))
    assert_names(square, "8 bits", "1 of 3 pictures is cropped", "wide.png (60 x 20)", "1 of 3 pictures is enlarged to")
    missing = remarked(tmp_path / "x", ImageFolder(path=tmp_path / "absent", **keys))
    assert missing == "\n".join(line for line in square.splitlines() if "cropped" not in line)  # the recipe crops
    assert_names(remarked(tmp_path / "x", Digits(), (1, 28, 28)), "3 of 3 pictures are enlarged", "cropped", "8 bits")


@pytest.mark.parametrize(
    ("crop", "resolution", "implied"),
    [
        ("none", 12, set()),
        ("centre", 12, {"cropped"}),
        (12, 12, {"cropped"}),
        (8, 12, {"cropped", "enlarged"}),
        ((16, 32), 12, {"cropped", "stretched"}),
        ((16, 32), (6, 12), {"cropped"}),
        ((0, 20, 30, 35), 12, {"cropped", "stretched"}),
        ((3, 5, 11, 13), (12, 12), {"cropped", "enlarged"}),
    ],
)
def test_what_a_crop_does_to_every_picture_is_known_without_the_training_pictures(tmp_path, crop, resolution, implied):
    write_picture(tmp_path / "x" / "a.png", noise_picture(40, 60, 1))  # larger than every crop, of another aspect ratio
    write_picture(tmp_path / "x" / "deep.png", np.full((40, 50), 40_000, np.uint16))
    data = ImageFolder(path=tmp_path / "absent", resolution=resolution, channels=1, crop=crop)
    names = {"cropped", "stretched", "enlarged"}
    [whole] = open_user_sets([tmp_path / "x"], Digits(), data.shape, "--data")
    known = replace(whole, transform=data.transform)  # the same pictures, of which every change is remarked
    list(known.chunks(2))
    every = {name for name in names if name in known.remark()}
    found = remarked(tmp_path / "x", data, data.shape)
    assert {name for name in names if name in found} == every - implied and implied <= every
    assert "8 bits" in found and ("stretched" in found) == (crop == "none")  # their aspect ratio is not known


def test_a_picture_that_is_turned_upright_has_the_size_that_it_is_seen_in(tmp_path):
    picture, exif = Image.fromarray(noise_picture(20, 40)), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    (tmp_path / "x").mkdir()
    picture.save(tmp_path / "x" / "a.jpg", exif=exif)
    tall = ImageFolder(path=tmp_path / "absent", resolution=(20, 10), channels=3)
    assert remarked(tmp_path / "x", tall, (3, 20, 10)) == ""
    assert "stretched" in remarked(tmp_path / "x", ImageFolder(path=tmp_path / "absent", resolution=10), (3, 10, 10))


def test_levels_keep_more_than_8_bits_so_depth_is_no_change(tmp_path):
    write_picture(tmp_path / "x" / "deep.png", np.full((12, 12), 40_000, np.uint16) + np.arange(12, dtype=np.uint16))
    data = ImageFolder(path=tmp_path / "absent", resolution=12, channels=1, window=(0, 65535))
    assert "8" not in remarked(tmp_path / "x", data).replace(str(tmp_path), "")
