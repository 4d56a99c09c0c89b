"""`genkit data export`: the samples of a split as files, with the bytes, classes and masks that they have."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.storage.sole_writer import sole_writer


@pytest.fixture(autouse=True)
def place(isolated, own_cache):
    return isolated


@pytest.fixture
def recipe(place):
    return write_recipe(place, IMAGES)


def bytes_of(path):
    return np.asarray(Image.open(path))


def test_files_have_the_bytes_the_class_and_the_number_of_their_samples(place, recipe):
    result = genkit("data", "export", recipe, "--out", "digits", "--split", "test", "-n", "25", "--json")
    assert json.loads(result.out)["pictures"] == 25
    arrays = Digits(split="test").arrays
    files = sorted((place / "digits").rglob("*.png"))
    numbers = [int(file.stem) for file in files]
    assert sorted(numbers) == (np.arange(25) * len(arrays.images) // 25).tolist()
    for file, number in zip(files, numbers, strict=True):
        assert file.parent.name == str(arrays.labels[number])
        assert np.array_equal(bytes_of(file), arrays.images[number, 0])


def test_masks_have_the_names_of_their_pictures(place, recipe):
    strokes = '{use = "stroke-digits"}'
    genkit("data", "export", recipe, "--set", f"data={strokes}", "-n", "9", "--out", "odd", "--masks", "masks")
    data = StrokeDigits()
    names = [file.relative_to(place / "odd") for file in (place / "odd").rglob("*.png")]
    assert len(names) == 9
    for name in names:
        assert np.array_equal(bytes_of(place / "masks" / name), 255 * data.masks[int(name.stem)])
        assert np.array_equal(bytes_of(place / "odd" / name), data.arrays.images[int(name.stem), 0])


def test_pictures_are_not_flipped(place, recipe):
    write_folder(place / "pictures", 12, size=8)
    data = '{use = "image-folder", path = "pictures", resolution = 8, flip = true}'
    genkit("data", "export", recipe, "--set", f"data={data}", "--set", "model.channels=[4]", "--out", "out")
    written = torch.stack([torch.from_numpy(bytes_of(file).copy()) for file in sorted((place / "out").rglob("*.png"))])
    originals = [torch.from_numpy(np.array(Image.open(file))) for file in (place / "pictures").rglob("*.png")]
    for picture in written:
        assert any(torch.equal(picture, original) for original in originals)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--masks", "masks"), ("--masks", "no masks")),
        (("-n", "5001"), ("[data]", "5000", "5001")),
        (("--set", 'data={use="stroke-digits"}', "--masks", "out/masks"), ("--masks",)),
        (("--set", 'data={use="stroke-digits"}', "--masks", "."), ("--masks",)),
        (("--set", 'data={use="8-gaussians"}', "--set", 'model={use="mlp"}'), ("[data]", "(2,)")),
    ],
)
def test_what_cannot_be_written_is_refused_before_a_file_is(place, recipe, arguments, names):
    assert_names(refused("data", "export", recipe, "--out", "out", *arguments), *names)
    assert not (place / "out").exists() and not (place / "masks").exists()


def test_a_folder_with_files_is_not_written_into(place, recipe):
    write_folder(place / "out", 1)
    before = sorted((place / "out").rglob("*"))
    assert_names(refused("data", "export", recipe, "--out", "out"), "--out", "out")
    assert sorted((place / "out").rglob("*")) == before


def test_an_interrupted_export_leaves_nothing_and_can_be_repeated(place, recipe, monkeypatch):
    saved = Image.Image.save

    def full_disk(image, path, *arguments, **options):
        if len(list(place.rglob("*.png"))) == 2:
            raise OSError(28, "No space left on device")
        saved(image, path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", full_disk)
        assert_names(refused("data", "export", recipe, "--out", "out", "-n", "5"), "--out", "out")
    assert not list(place.rglob("*.png"))
    assert genkit("data", "export", recipe, "--out", "out", "-n", "5").code == 0


def test_the_names_of_classes_are_listed_once(place, recipe, monkeypatch):
    for folder in ("a", "b"):
        write_folder(place / "pictures" / folder, 6, size=8)
    listed = []
    names = ImageFolder.class_names
    monkeypatch.setattr(ImageFolder, "class_names", lambda data: listed.append(1) or names(data))
    data = 'data={use = "image-folder", path = "pictures", resolution = 8}'
    genkit("data", "export", recipe, "--set", data, "--set", "model.channels=[4]", "--out", "out")
    assert {file.parent.name for file in (place / "out").rglob("*.png")} == {"a", "b"}
    assert len(listed) <= 1


def test_files_keep_the_names_of_the_files_that_they_are_from(place, recipe):
    for name, seed in (("a/x.png", 1), ("a/y.bmp", 2), ("a/y.png", 3), ("b/deep/x.png", 4), ("b/z.png", 5)):
        write_picture(place / "pictures" / name, noise_picture(8, 8, 1, seed))
    write_picture(place / "test" / "t.png", noise_picture(8, 8, 1, 9))
    data = 'data={use = "image-folder", path = "pictures", hold_out = "test", resolution = 8, channels = 1}'
    result = genkit("data", "export", recipe, "--set", data, "--set", "model.channels=[4]", "--out", "out")
    assert result.code == 0, result.err
    written = {str(file.relative_to(place / "out")): bytes_of(file) for file in (place / "out").rglob("*.png")}
    expected = {"a/x.png": 1, "a/y.bmp.png": 2, "a/y.png.png": 3, "b/deep/x.png": 4, "b/z.png": 5}
    assert written.keys() == expected.keys()
    for name, seed in expected.items():
        assert np.array_equal(written[name], noise_picture(8, 8, 1, seed))


def test_pictures_are_not_written_into_a_folder_of_other_pictures(place, recipe):
    write_folder(place / "odd", 2)
    write_folder(place / "of_metric" / "class", 2)
    write_picture(place / "stray.png", noise_picture(8, 8))  # in the working folder, where new folders belong
    strokes = ("--set", 'data={use="stroke-digits"}')
    into_masks = ("--out", "ok", "--masks", "odd/masks", *strokes)
    for option, options in (
        ("--out", ("--out", "odd/new")),
        ("--out", ("--out", "odd/deep/new")),
        ("--masks", into_masks),
    ):
        message = refused("data", "export", recipe, *options, "-n", "3")
        assert_names(message, f"{option} odd/", "0000.png")
        assert sorted(path.name for path in (place / "odd").iterdir()) == ["0000.png", "0001.png"]
    other = (
        'metrics.x={use = "auroc", other = {use = "image-folder", path = "of_metric", resolution = 28, channels = 1}}'
    )
    message = refused("data", "export", recipe, "--set", other, "--out", "of_metric/class/new", "-n", "3")
    assert_names(message, "--out of_metric/class/new", "[metrics.x.other] path")
    for out, remarked in (("new", False), ("sets/a", False), ("sets/b", True)):
        result = genkit("data", "export", recipe, "--out", out, "-n", "3")
        assert result.code == 0 and (f"remark: --out {out}: " in result.err and "a/" in result.err) == remarked


def test_a_second_export_to_one_folder_is_told_of_the_first(place, recipe):
    with sole_writer(Path("out")):
        err = refused("data", "export", recipe, "--out", "out")
    assert_names(err, "--out out: ", "another process", "with --out")
    assert not Path("out").exists()
