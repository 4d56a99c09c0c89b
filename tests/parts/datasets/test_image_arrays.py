"""Pictures in NumPy files: whatever the layout says, the bytes are those of the array."""

import numpy as np
import pytest
import torch
from support.pictures import SHARED, batch, needs_shared, noise_picture

from genkit.errors import UsageError
from genkit.parts.datasets.image_arrays import ImageArrays

GREY, COLOUR = noise_picture(40, 30, 1).reshape(40, 5, 6), noise_picture(40, 30, 3).reshape(40, 5, 6, 3)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "cache"))


def arrays(tmp_path, array, held_out=None, **keys):
    """The data set of an array, all of it to train on."""
    np.save(tmp_path / "train.npy", array)
    np.save(tmp_path / "test.npy", array if held_out is None else held_out)
    channels = keys.pop("channels", 1 if array.ndim == 3 else 3)
    keys = {"resolution": (5, 6), "hold_out": tmp_path / "test.npy", "channels": channels} | keys
    return ImageArrays(path=tmp_path / "train.npy", **keys)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (COLOUR, np.moveaxis(COLOUR, -1, 1)),
        (np.moveaxis(COLOUR, -1, 1), np.moveaxis(COLOUR, -1, 1)),
        (COLOUR.astype(np.float32) / 255, np.moveaxis(COLOUR, -1, 1)),
        (COLOUR.astype(np.float64) / 255, np.moveaxis(COLOUR, -1, 1)),
    ],
)
def test_every_layout_and_kind_of_number_becomes_the_same_bytes(tmp_path, array, expected):
    data = arrays(tmp_path, array, channels=expected.shape[1])
    assert data.size == 40
    assert torch.equal(batch(data, list(range(40))).x, torch.tensor(expected.copy()).float() / 255)


def test_a_layout_that_might_be_either_is_to_be_declared(tmp_path):
    array = noise_picture(8, 9).reshape(8, 3, 3, 3)
    (unmet,) = arrays(tmp_path, array).unmet()
    assert 'may be "NHWC" or "NCHW"; say which with layout' in unmet
    data = [arrays(tmp_path, array, layout=layout, resolution=3) for layout in ("NHWC", "NCHW")]
    first, last = (batch(each, [0]).x for each in data)
    assert torch.equal(first.permute(0, 2, 3, 1), last)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"an array of shape \(4, 5\), expected \(N, H, W\)"),
        (np.zeros((4, 5, 6, 2), np.uint8), r"shape \(4, 5, 6, 2\), expected \(N, H, W\)"),
        (np.zeros((4, 5, 6), np.int64), "holds int64, expected uint8, or float"),
        (np.zeros((0, 5, 6), np.uint8), "holds no picture"),
        (np.zeros((4, 0, 6), np.uint8), "holds no picture"),
        (np.array(["text"]), "holds <U4, expected uint8"),
        (np.array(3, np.uint8), r"holds no picture, an array of shape \(\)"),
        (
            np.array([None]),
            r"cannot be read as .npy or .npz: it holds Python objects.* Save an array of",
        ),
        (GREY.astype(np.float32), r"holds numbers from 0 to 255, expected .*\[0, 1\].* Save array.round\(\).astype"),
        (GREY / 127.5 - 1, r"holds numbers from -1 to 1, expected .* Save \(array \+ 1\) / 2\."),
        (GREY * 9.0, "holds numbers from 0 to 2295, expected .* Scale them"),
        (GREY.astype(np.int64), r"holds int64, expected uint8, .* save array.astype\('uint8'\)"),
    ],
)
def test_an_array_that_holds_no_pictures_is_refused(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(UsageError, match=message):
        _ = ImageArrays(path=tmp_path / "x.npy", resolution=4).size


def test_numbers_that_are_no_shades_are_bad_and_their_rows_are_named(tmp_path):
    array = GREY.astype(np.float32) / 255
    array[3, 0, 0], array[5, 1, 1], array[7] = np.nan, 255, -1
    with pytest.raises(UsageError, match=r"3 of 40 pictures cannot be used") as caught:
        batch(arrays(tmp_path, array), [0])
    for text in (
        "row 3 holds numbers that are not finite",
        "row 5 holds numbers from 0",
        "row 7 holds numbers from -1",
    ):
        assert text in str(caught.value)
    assert arrays(tmp_path, array, on_bad="skip").size == 37


def test_a_zip_of_arrays_is_read_with_its_labels(tmp_path):
    np.savez(tmp_path / "x.npz", images=GREY, labels=np.arange(40))
    data = ImageArrays(path=tmp_path / "x.npz", resolution=(5, 6), channels=1, hold_out=0.5)
    rows = batch(data, list(range(data.size))).extra["label"]
    assert torch.equal(batch(data, list(range(data.size))).x[:, 0], torch.tensor(GREY[rows]).float() / 255)
    assert sorted([*rows.tolist(), *batch(data.held_out(), list(range(40 - data.size))).extra["label"].tolist()]) == [
        *range(40)
    ]


def test_what_cannot_be_told_apart_in_a_zip_is_to_be_named(tmp_path):
    np.savez(tmp_path / "x.npz", a=GREY, b=GREY, y=np.arange(39))
    keys = {"path": tmp_path / "x.npz", "resolution": 4, "channels": 1}
    for given, message in (
        ({}, "a and b might be them; name one with array = NAME"),
        ({"array": "c"}, "has no 'c', but a, b, y"),
        ({"array": "a", "labels": "y"}, r"found int64 of shape \(39,\), expected one integer for each of the 40"),
        ({"array": "a", "labels": "z"}, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=message):
            _ = ImageArrays(**keys, **given).size
    assert ImageArrays(**keys, array="b").unmet() == ()


def test_a_file_that_is_absent_or_damaged_is_told(tmp_path):
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert "x.npz is not there" in unmet
    np.savez(tmp_path / "x.npz", images=GREY)
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-30])
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert "cannot be read as .npy or .npz: it is cut short or damaged" in unmet


def test_a_file_that_is_no_array_is_told_in_words_of_ours(tmp_path):
    np.savez(tmp_path / "objects.npz", images=np.array([None]))
    (tmp_path / "text.npy").write_text("shades of grey")
    (tmp_path / "empty.npy").write_text("")
    for name, words in (
        ("objects.npz", "it holds Python objects"),
        ("text.npy", "it is neither, whatever it is called. Save an array with numpy.save"),
        ("empty.npy", "it is empty. Get or write the file again"),
    ):
        (unmet,) = ImageArrays(path=tmp_path / name, resolution=4).unmet()
        assert f"{name}: cannot be read as .npy or .npz: {words}" in unmet and "pickle" not in unmet


@needs_shared
def test_half_of_mnists_test_digits_are_read():
    data = ImageArrays(path=SHARED / "mnist" / "mnist_test_a.npz", resolution=28, channels=1)
    held = np.load(SHARED / "mnist" / "mnist_test_a.npz")
    assert data.size + data.held_out().size == 5000
    samples = batch(data, [0])
    row = int(data.listed.rows[0])
    assert torch.equal(samples.x[0, 0], torch.tensor(held["images"][row]).float() / 255)
    assert samples.extra["label"].item() == held["labels"][row]
