"""Pictures in NumPy files: every layout and type gives the bytes of the array."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from support.messages import assert_names
from support.pictures import SHARED, batch, needs_shared, noise_picture

from genkit.bases.pictures.npz_file import NpzFile
from genkit.errors import UsageError
from genkit.parts.datasets.image_arrays import ImageArrays

GREY, COLOUR = noise_picture(40, 30, 1).reshape(40, 5, 6), noise_picture(40, 30, 3).reshape(40, 5, 6, 3)


pytestmark = pytest.mark.usefixtures("own_cache")


def arrays(tmp_path, array, held_out=None, **keys):
    """Return the data set of an array, with all of its rows in the train split."""
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
def test_every_layout_and_type_becomes_the_same_bytes(tmp_path, array, expected):
    data = arrays(tmp_path, array, channels=expected.shape[1])
    assert data.size == 40
    assert torch.equal(batch(data, list(range(40))).x, torch.tensor(expected.copy()).float() / 255)


def test_an_ambiguous_layout_must_be_set(tmp_path):
    array = noise_picture(8, 9).reshape(8, 3, 3, 3)
    (unmet,) = arrays(tmp_path, array).unmet()
    assert_names(unmet, tmp_path / "train.npy", "(8, 3, 3, 3)", '"NHWC"', '"NCHW"', "layout")
    data = [arrays(tmp_path, array, layout=layout, resolution=3) for layout in ("NHWC", "NCHW")]
    first, last = (batch(each, [0]).x for each in data)
    assert torch.equal(first.permute(0, 2, 3, 1), last)


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (np.zeros((4, 5), np.uint8), ("shape (4, 5)", "expected (N, H, W)")),
        (np.zeros((4, 5, 6, 2), np.uint8), ("shape (4, 5, 6, 2)", "expected (N, H, W)")),
        (np.zeros((4, 5, 6), np.int64), ("int64", "expected uint8, or float")),
        (np.zeros((0, 5, 6), np.uint8), ("no picture", "(0, 5, 6)")),
        (np.zeros((4, 0, 6), np.uint8), ("no picture", "(4, 0, 6)")),
        (np.array(["text"]), ("<U4", "expected uint8")),
        (np.array(3, np.uint8), ("no picture", "shape ()")),
        (np.array([None]), ("cannot be read as .npy or .npz", "Python objects", "Save an array of uint8")),
        (GREY.astype(np.float32), ("from 0 to 255", "expected uint8", "[0, 1]", "Save array.round().astype('uint8')")),
        (GREY / 127.5 - 1, ("from -1 to 1", "expected uint8", "Save (array + 1) / 2.")),
        (GREY * 9.0, ("from 0 to 2295", "expected uint8", "Scale them")),
        (GREY.astype(np.int64), ("int64", "expected uint8", "array.astype('uint8')")),
    ],
)
def test_an_array_that_cannot_be_pictures_is_refused(tmp_path, array, names):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(UsageError) as caught:
        _ = ImageArrays(path=tmp_path / "x.npy", resolution=4).size
    assert_names(caught.value, f"[data] {tmp_path / 'x.npy'}: ", *names)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rounding_outside_0_to_1_is_clipped(tmp_path, dtype):
    array = GREY.astype(dtype) / 255
    array[:, 0, 0], array[:, 0, 1] = np.nextafter(dtype(1), dtype(2)), -0.0009
    np.save(tmp_path / "x.npy", array)
    data = ImageArrays(path=tmp_path / "x.npy", resolution=(5, 6), channels=1, hold_out=tmp_path / "x.npy")
    assert batch(data, [0]).x[0, 0, 0, :2].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("least", "most", "advice"),
    [
        (0, 1.04, "array.clip(0, 1)."),
        (-0.02, 1, "array.clip(0, 1)."),
        (-1, 1, "Save (array + 1) / 2."),
        (-1.02, 0.95, "((array + 1) / 2).clip(0, 1)."),
        (0, 255, "Save array.round().astype('uint8'), or array / 255."),
        (-4, 258, "Save array.clip(0, 255).round().astype('uint8'), or array.clip(0, 255) / 255."),
        (0, 1.5, "Scale them"),
        (-0.5, 1, "Scale them"),
        (-2.1, 2.6, "Scale them"),
        (0, 65535, "Scale them"),
    ],
)
def test_the_advice_fits_the_range(tmp_path, least, most, advice):
    array = np.full((40, 6, 8), 0.5, np.float32)
    array[:, 0, 0], array[:, 1, 1] = least, most
    np.save(tmp_path / "x.npy", array)
    (unmet,) = ImageArrays(path=tmp_path / "x.npy", resolution=4).unmet()
    assert_names(unmet, tmp_path / "x.npy", advice)


def test_a_value_is_shown_with_the_digits_that_tell_it_from_the_bound(tmp_path):
    array = GREY.astype(np.float32) / 255
    array[3, 0, 0] = 1.0011111
    np.save(tmp_path / "x.npy", array)
    data = ImageArrays(path=tmp_path / "x.npy", resolution=4, hold_out=tmp_path / "x.npy", channels=1)
    with pytest.raises(UsageError) as caught:
        batch(data, [0])
    assert_names(caught.value, "row 3", "1.001111")


def test_rows_with_values_outside_0_to_1_are_bad_and_named(tmp_path):
    array = GREY.astype(np.float32) / 255
    array[3, 0, 0], array[5, 1, 1], array[7] = np.nan, 255, -1
    with pytest.raises(UsageError, match=r"3 of 40 pictures cannot be used") as caught:
        batch(arrays(tmp_path, array), [0])
    assert_names(caught.value, "row 3: values that are not finite", "row 5: values from 0", "row 7: values from -1")
    assert arrays(tmp_path, array, on_bad="skip").size == 37


def test_an_npz_file_is_read_with_its_labels(tmp_path):
    np.savez(tmp_path / "x.npz", images=GREY, labels=np.arange(40))
    data = ImageArrays(path=tmp_path / "x.npz", resolution=(5, 6), channels=1, hold_out=0.5)
    rows = batch(data, list(range(data.size))).extra["label"]
    assert torch.equal(batch(data, list(range(data.size))).x[:, 0], torch.tensor(GREY[rows]).float() / 255)
    assert sorted([*rows.tolist(), *batch(data.held_out(), list(range(40 - data.size))).extra["label"].tolist()]) == [
        *range(40)
    ]


def test_an_ambiguous_array_of_an_npz_file_must_be_named(tmp_path):
    np.savez(tmp_path / "x.npz", a=GREY, b=GREY, y=np.arange(39))
    keys = {"path": tmp_path / "x.npz", "resolution": 4, "channels": 1}
    for given, names in (
        ({}, ("a, b", "array = NAME")),
        ({"array": "c"}, ("[data] array", "no array 'c'", "a, b, y")),
        ({"array": "a", "labels": "y"}, ("[data] labels", "int64", "shape (39,)", "each of the 40 pictures")),
        ({"array": "a", "labels": "z"}, ("cannot be read", "z: ")),
    ):
        with pytest.raises(UsageError) as caught:
            _ = ImageArrays(**keys, **given).size
        assert_names(caught.value, *names)
    assert ImageArrays(**keys, array="b").unmet() == ()


def test_a_missing_or_truncated_file_is_named(tmp_path):
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert_names(unmet, "[data] path", tmp_path / "x.npz", "not found")
    np.savez(tmp_path / "x.npz", images=GREY)
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-30])
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert_names(unmet, f"{tmp_path / 'x.npz'}: cannot be read as .npy or .npz", "truncated")


def test_a_missing_file_of_held_out_pictures_is_named_with_its_key(tmp_path):
    np.save(tmp_path / "x.npy", GREY)
    keys = {"path": tmp_path / "x.npy", "resolution": 4, "channels": 1}
    (unmet,) = ImageArrays(**keys, hold_out=tmp_path / "absent.npy").held_out().unmet()
    assert_names(unmet, "[data] hold_out", tmp_path / "absent.npy", "not found")


def test_a_file_of_another_format_is_named_with_its_defect(tmp_path):
    np.savez(tmp_path / "objects.npz", images=np.array([None]))
    (tmp_path / "text.npy").write_text("shades of grey")
    (tmp_path / "empty.npy").write_text("")
    for name, defect in (
        ("objects.npz", "Python objects"),
        ("text.npy", "neither format"),
        ("empty.npy", "empty"),
    ):
        (unmet,) = ImageArrays(path=tmp_path / name, resolution=4).unmet()
        assert_names(unmet, f"{tmp_path / name}: cannot be read as .npy or .npz", defect)
        assert "pickle" not in unmet  # NumPy's own advice, which would run code from the file


@needs_shared
def test_half_of_the_test_digits_of_mnist_are_read():
    data = ImageArrays(path=SHARED / "mnist" / "mnist_test_a.npz", resolution=28, channels=1)
    arrays = np.load(SHARED / "mnist" / "mnist_test_a.npz")
    assert data.size + data.held_out().size == 5000
    samples = batch(data, [0])
    row = int(data.listed.rows[0])
    assert torch.equal(samples.x[0, 0], torch.tensor(arrays["images"][row]).float() / 255)
    assert samples.extra["label"].item() == arrays["labels"][row]


def write_npz(path, name, header, content, **options):
    """Write an archive with one array, whose header need not fit its content."""
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "|u1", "fortran_order": False, "shape": header})
    with zipfile.ZipFile(path, "w", **options) as archive, archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        file.write(start.getvalue())
        for block in content:
            file.write(block)


def test_an_archive_that_unpacks_to_more_than_pictures_do_is_refused_without_unpacking(tmp_path):
    zeros = [bytes(2**20)] * 300
    write_npz(tmp_path / "x.npz", "images", (300, 1024, 1024), zeros, compression=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()
    assert_names(unmet, tmp_path / "x.npz", "'images'", "315 MB", "numpy.save")


def test_an_archive_whose_header_does_not_fit_is_damaged(tmp_path):
    write_npz(tmp_path / "x.npz", "images", (10**9, 1500), [b"0"])
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert_names(unmet, tmp_path / "x.npz", "damaged")


def test_a_damaged_stream_of_an_archive_is_named(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", images=GREY)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[200:260] = bytes(60)
    (tmp_path / "x.npz").write_bytes(content)
    (unmet,) = ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet()
    assert_names(unmet, tmp_path / "x.npz", "damaged")


def test_other_arrays_of_an_archive_are_not_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", images=GREY, features=np.zeros((40, 9)))
    read, names = NpzFile.array, []
    monkeypatch.setattr(NpzFile, "array", lambda archive, name: (names.append(name), read(archive, name))[1])
    assert ImageArrays(path=tmp_path / "x.npz", resolution=4).unmet() == () and names == ["images"]


def test_a_pipe_of_labels_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", GREY)
    os.mkfifo(tmp_path / "labels.npy")
    (unmet,) = ImageArrays(path=tmp_path / "x.npy", resolution=4, labels=str(tmp_path / "labels.npy")).unmet()
    assert_names(unmet, tmp_path / "labels.npy", "named pipe")
