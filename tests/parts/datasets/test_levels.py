"""Pictures of 12 and 16 bits and of floats: a declared window or percentiles, compared with NumPy by hand."""

import json
import pickle
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names
from support.pictures import batch, noise_picture, write_folder, write_picture

from genkit.bases.pictures import prepare
from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.file_values import raw_mode
from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.image_formats import open_image
from genkit.bases.pictures.inspect_pictures import inspect_pictures
from genkit.bases.pictures.levels import Levels
from genkit.bases.pictures.store import Store
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.user_pictures import open_user_pictures, read_user_pictures, transform_for
from genkit.errors import UsageError
from genkit.parts.datasets.image_arrays import ImageArrays
from genkit.parts.datasets.image_folder import ImageFolder

pytestmark = pytest.mark.usefixtures("own_cache")

HEIGHT, WIDTH = 6, 8
WHITE = 65535
CT = np.random.default_rng(0).integers(-1500, 3000, (HEIGHT, WIDTH)).astype(np.int16)


def transform(channels=1, size=(HEIGHT, WIDTH), window=None, percentiles=None, **keys):
    return Transform(*size, channels, levels=Levels(window, percentiles), **keys)


def by_hand(values, low, high):
    """Return the levels of single values, with Python's integers and floats."""
    return np.array([[round(min(max((v - low) / (high - low), 0), 1) * WHITE) for v in row] for row in values.tolist()])


def write_values(path, values):
    """Write values as an array, or as an image of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


def usable(path, wanted):
    """Return the transformed picture of a file, or the reason why it is bad."""
    source = list_files(path.parent, arrays=True)
    index = next(index for index in range(len(source)) if source.name(index) == path.name)
    found = decode(source, index, wanted)
    return found if isinstance(found, np.ndarray) else found.reason


# Values


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("x.npy", np.int16),
        ("x.npy", np.float32),
        ("x.npy", np.float64),
        ("x.npy", ">i4"),
        ("x.tif", np.float32),
        ("x.tif", np.int32),
    ],
)
def test_a_window_maps_low_to_black_and_high_to_white(tmp_path, name, dtype):
    path = write_values(tmp_path / name, CT.astype(dtype))
    assert np.array_equal(usable(path, transform(window=(-1000, 1000)))[0], by_hand(CT, -1000, 1000))


@pytest.mark.parametrize(("name", "dtype"), [("x.png", np.uint16), ("x.tif", np.uint16), ("x.npy", np.uint16)])
def test_sixteen_bits_with_the_range_of_their_type_are_unchanged(tmp_path, name, dtype):
    values = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH)).astype(dtype)
    values[0, :2] = 0, 65535
    path = write_values(tmp_path / name, values)
    assert np.array_equal(usable(path, transform(window=(0, 65535)))[0], values)
    twelve = usable(path, transform(window=(0, 4095)))[0]
    assert np.array_equal(twelve, by_hand(values, 0, 4095))


def test_eight_bits_and_colours_take_a_window_by_value(tmp_path):
    pixels = noise_picture(HEIGHT, WIDTH)
    path = write_values(tmp_path / "x.png", pixels)
    seen = usable(path, transform(3, window=(50, 200)))
    assert all(np.array_equal(seen[c], by_hand(pixels[..., c], 50, 200)) for c in range(3))
    grey = usable(path, transform(1, window=(50, 200)))[0]
    assert np.abs(grey - np.tensordot([0.299, 0.587, 0.114], seen.astype(float), 1)).max() <= 1
    single = write_values(tmp_path / "grey.png", pixels[..., 0])
    assert np.array_equal(usable(single, transform(3, window=(50, 200))), np.stack([seen[0]] * 3))


@pytest.mark.parametrize("percentiles", [(1, 99), (0, 100), (25.5, 60)])
def test_percentiles_are_those_of_each_picture(tmp_path, percentiles):
    for number, scale in enumerate((1, 7)):
        path = write_values(tmp_path / f"{number}.npy", CT * np.float32(scale) + number)
        low, high = np.percentile(CT * np.float64(scale) + number, percentiles)
        expected = by_hand(CT * np.float64(scale) + number, low, high)
        assert np.abs(usable(path, transform(percentiles=percentiles))[0].astype(int) - expected).max() <= 1


def test_percentiles_are_those_of_the_part_that_is_kept(tmp_path):
    values = np.zeros((20, 20), np.float32)
    values[5:15, 5:15] = np.arange(100).reshape(10, 10)
    path = write_values(tmp_path / "x.npy", values)
    seen = usable(path, transform(size=(10, 10), percentiles=(0, 100), crop=10))
    assert np.array_equal(seen[0], by_hand(np.arange(100).reshape(10, 10), 0, 99))


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 3), (3, HEIGHT, WIDTH), (1, HEIGHT, WIDTH)])
def test_an_array_is_a_picture_with_its_channels_first_or_last(tmp_path, shape):
    values = np.random.default_rng(2).uniform(-5, 5, shape).astype(np.float32)
    path = write_values(tmp_path / "x.npy", values)
    channels = 3 if 3 in shape else 1
    seen = usable(path, transform(channels, window=(-5, 5)))
    expected = values if shape[0] == channels else np.moveaxis(values.reshape(HEIGHT, WIDTH, channels), -1, 0)
    assert np.abs(seen / WHITE - (expected.astype(float) + 5) / 10).max() <= 0.51 / WHITE


def test_a_picture_is_resized_before_it_is_rounded(tmp_path):
    values = np.repeat(np.array([[1000, 1001, 1000, 1001]], np.uint16), 4, axis=0)  # half a level of 8 bits at most
    path = write_values(tmp_path / "x.png", values)
    seen = usable(path, transform(size=(2, 2), window=(0, 65535), filter="box"))
    assert np.abs(seen.astype(float) - 1000.5).max() <= 0.5
    narrow = usable(path, transform(size=(2, 2), window=(1000, 1001), filter="box"))
    assert np.abs(narrow.astype(float) - WHITE / 2).max() <= 0.5


def test_an_overshoot_of_the_filter_is_clipped(tmp_path):
    values = np.zeros((40, 40), np.float32)
    values[:, 20:] = 1
    path = write_values(tmp_path / "x.npy", values)
    seen = usable(path, transform(size=(30, 30), window=(0, 1), filter="lanczos"))[0]
    assert seen[:, 0].max() == 0 and seen[:, -1].min() == WHITE
    assert (np.diff(seen[0].astype(int)) >= -WHITE // 8).all()  # without the clip the values would wrap around


def test_signed_and_unsigned_values_are_those_of_the_file(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    signed, unsigned = np.array([[-5, 300]], np.int16), np.array([[0, 3_000_000_000]], np.uint32)
    for name, values, low, high in (("s.tif", signed, -5, 300), ("u.tif", unsigned, 0, 3e9)):
        tifffile.imwrite(tmp_path / name, values)
        assert transform(size=(1, 2), window=(low, high))(open_image(tmp_path / name)).tolist() == [[[0, WHITE]]]


def test_the_values_of_a_pgm_are_those_below_its_maximum(tmp_path):
    values = np.array([[0, 1000, 4095]], ">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 3 1 4095\n" + values.tobytes())
    seen = transform(size=(1, 3), window=(0, 2000))(open_image(tmp_path / "x.pgm"))
    assert seen.tolist() == by_hand(values[None][0], 0, 2000)[None].tolist()


@pytest.mark.parametrize("header", [b"P5 3 1 100\n", b"P6 1 1 100\n", b"P2 3 1 100\n", b"P3 1 1 100\n"])
def test_the_values_of_any_pnm_are_those_below_its_maximum(tmp_path, header):
    values = bytes([0, 50, 100])
    plain = header[:2] in (b"P2", b"P3")
    (tmp_path / "x.pnm").write_bytes(header + (b"0 50 100\n" if plain else values))
    colour = header[:2] in (b"P3", b"P6")
    wanted = transform(3 if colour else 1, size=(1, 1) if colour else (1, 3), window=(0, 100))
    assert wanted(open_image(tmp_path / "x.pnm")).ravel().tolist() == [0, round(WHITE / 2), WHITE]


def test_the_tiles_of_pillow_10_are_plain_tuples(tmp_path):
    (tmp_path / "x.ppm").write_bytes(b"P6 1 1 100\n" + bytes([0, 50, 100]))
    deep = np.array([[[0, 256, 65535]]], ">u2")
    (tmp_path / "deep.ppm").write_bytes(b"P6 1 1 65535\n" + deep.tobytes())
    for name, expected in (("x", ("RGB", 100)), ("deep", ("RGB", 65535))):
        picture = open_image(tmp_path / f"{name}.ppm")
        picture.tile = [tuple(tile) for tile in picture.tile]
        assert raw_mode(picture) == expected


def test_an_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = noise_picture(HEIGHT, WIDTH, 1)
    Image.fromarray(values).save(tmp_path / "x.png", exif=exif)
    seen = transform(size=(WIDTH, HEIGHT), window=(0, 255))(open_image(tmp_path / "x.png"))
    assert np.array_equal(seen[0], by_hand(np.rot90(values, -1), 0, 255))


# Refusals


def deep_colour_png(path):
    """Write a PNG of 16-bit colour, which Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + bytes(range(12)))), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return path


def test_values_that_are_not_finite_are_refused_with_their_place(tmp_path):
    for bad in (np.nan, np.inf, -np.inf):
        values = CT.astype(np.float32)
        values[4, 5] = bad
        for name in ("x.npy", "x.tif"):
            reason = usable(write_values(tmp_path / name, values), transform(window=(0, 1)))
            assert_names(reason, "not finite", str(bad), "[4, 5]")
    values = np.full((10, 10), 3.0)
    values[7, 6] = np.nan
    path = write_values(tmp_path / "x.npy", values)
    assert_names(usable(path, transform(size=(4, 4), window=(0, 9), crop=(6, 6))), "[7, 6]")
    assert usable(path, transform(size=(4, 4), window=(0, 9), crop=(2, 2))).dtype == np.uint16


def test_a_picture_without_contrast_has_no_percentiles(tmp_path):
    values = np.zeros((HEIGHT, WIDTH), np.float32)
    values[0, 0] = 9
    reason = usable(write_values(tmp_path / "x.npy", values), transform(percentiles=(5, 90)))
    assert_names(reason, "percentiles 5 and 90", "both 0")
    folder = write_folder(tmp_path / "p", 30)
    write_picture(folder / "flat.png", np.full((12, 12), 7, np.uint8))
    data = ImageFolder(path=folder, resolution=4, percentiles=(1, 99), hold_out=0.3)
    with pytest.raises(UsageError) as caught:
        _ = [split.arrays for split in (data, data.held_out())]
    assert_names(caught.value, "flat.png", "1 of ")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_refused(tmp_path, mode):
    Image.fromarray(noise_picture(HEIGHT, WIDTH)).convert(mode).save(tmp_path / "x.png")
    assert_names(usable(tmp_path / "x.png", transform(window=(0, 255))), "transparency")
    for shade in (noise_picture(HEIGHT, WIDTH, 1), CT.astype(np.uint16)):
        Image.fromarray(shade).save(tmp_path / "shade.png", transparency=int(shade[0, 0]))
        assert_names(usable(tmp_path / "shade.png", transform(window=(0, 255))), "transparency")
    np.save(tmp_path / "x.npy", np.zeros((HEIGHT, WIDTH, 4)))
    assert_names(usable(tmp_path / "x.npy", transform(window=(0, 255))), "transparency")


def test_colour_of_16_bits_is_refused_since_pillow_drops_the_lower_8(tmp_path):
    reason = usable(deep_colour_png(tmp_path / "x.png"), transform(3, (1, 2), window=(0, 65535)))
    assert_names(reason, "16-bit colour", ".npy")
    tifffile = pytest.importorskip("tifffile")
    for compression in (None, "zlib"):
        tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4, 3), np.uint16), photometric="rgb", compression=compression)
        assert_names(usable(tmp_path / "x.tif", transform(3, (4, 4), window=(0, 65535))), "16-bit colour")
    (tmp_path / "x.ppm").write_bytes(b"P6 1 2 4095\n" + bytes(12))
    assert_names(usable(tmp_path / "x.ppm", transform(3, (2, 1), window=(0, 65535))), "16-bit colour")
    plain = usable(tmp_path / "x.png", Transform(1, 2, 3))
    assert plain.dtype == np.uint8  # as ever without levels


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (np.zeros((3, 8, 3)), ("(3, 8, 3)", "(H, W, C) or (C, H, W)")),
        (np.zeros((8, 8, 2)), ("(8, 8, 2)",)),
        (np.zeros(8), ("(8,)",)),
        (np.zeros((8, 8), complex), ("complex128",)),
        (np.zeros((8, 8), bool), ("bool",)),
        (np.array([[None]]), ("Python objects",)),
    ],
)
def test_an_array_that_is_no_picture_is_bad(tmp_path, values, named):
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    assert_names(usable(tmp_path / "x.npy", transform(window=(0, 1))), *named)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00"])
def test_a_damaged_array_is_bad(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    assert isinstance(usable(tmp_path / "x.npy", transform(window=(0, 1))), str)
    np.save(tmp_path / "y.npy", np.zeros((500, 500)))
    (tmp_path / "y.npy").write_bytes((tmp_path / "y.npy").read_bytes()[:1000])
    assert isinstance(usable(tmp_path / "y.npy", transform(window=(0, 1))), str)


class WritesAFile:
    """An object whose unpickling runs code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_in_place_of_an_array_is_not_loaded(tmp_path):
    (tmp_path / "x.npy").write_bytes(pickle.dumps(WritesAFile(tmp_path / "written")))
    assert isinstance(usable(tmp_path / "x.npy", transform(window=(0, 1))), str)
    assert not (tmp_path / "written").exists()


def test_an_archive_in_place_of_an_array_is_bad(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((8, 8)))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    assert_names(usable(tmp_path / "x.npy", transform(window=(0, 1))), "archive")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"window": (5, 5)}, "window"),
        ({"window": (5, -5)}, "window"),
        ({"window": (0, float("nan"))}, "window"),
        ({"window": (0, float("inf"))}, "window"),
        ({"window": (-1.7e308, 1.7e308)}, "window"),
        ({"percentiles": (99, 1)}, "percentiles"),
        ({"percentiles": (-1, 99)}, "percentiles"),
        ({"percentiles": (1, 101)}, "percentiles"),
        ({"window": (0, 1), "percentiles": (1, 99)}, "window and percentiles"),
    ],
)
def test_levels_that_are_no_range_are_refused_before_anything_is_read(tmp_path, keys, named):
    for data_set, path in ((ImageFolder, tmp_path), (ImageArrays, tmp_path / "x.npy")):
        with pytest.raises(ValueError, match=named):
            data_set(path=path, resolution=4, **keys)


def test_values_without_levels_are_refused_with_both_keys(tmp_path):
    for name in ("x.tif", "x.npy"):
        path = write_values(tmp_path / name, CT.astype(np.int32))
        assert_names(usable(path, Transform(4, 4, 1)), "window = [low, high]", "percentiles")
    np.save(tmp_path / "rows.npy", np.stack([CT] * 20))
    with pytest.raises(UsageError) as caught:
        ImageArrays(path=tmp_path / "rows.npy", resolution=4).source()
    assert_names(caught.value, "int16", "window = [low, high]", "percentiles")


# Data sets


def test_a_folder_has_arrays_only_with_levels(tmp_path):
    write_folder(tmp_path / "p", 20)
    for index in range(20):
        write_values(tmp_path / "p" / f"{index}.npy", CT.astype(np.float32))
    keys = {"path": tmp_path / "p", "resolution": 4, "channels": 1}
    plain, levelled = ImageFolder(**keys), ImageFolder(**keys, window=(0, 100))
    assert plain.size + plain.held_out().size == 20 and plain.listed.source.others == {".npy": 20}
    assert levelled.size + levelled.held_out().size == 40 and not levelled.listed.source.others
    for path in (tmp_path / "p").glob("*.png"):
        path.unlink()
    assert_names(ImageFolder(**keys).unmet()[0], ".npy", "window = [low, high]", "percentiles")


def test_arrays_in_sub_folders_are_splits_and_classes(tmp_path):
    for name in ("train/a/1.npy", "train/b/2.npy", "val/b/1.npy"):
        write_values(tmp_path / name, CT)
    data = ImageFolder(path=tmp_path, resolution=4, window=(-1000, 1000))
    assert (data.size, data.held_out().size) == (2, 1)
    assert batch(data, [0, 1]).extra["label"].tolist() == [0, 1]
    assert batch(data.held_out(), [0]).extra["label"].tolist() == [1]


def test_arrays_beside_splits_are_reported_and_a_folder_of_them_may_be_a_class(tmp_path):
    for name in ("p/a/1.npy", "p/b/2.npy", "split/train/1.npy", "split/test/1.npy", "split/bus/1.npy"):
        write_values(tmp_path / name, CT)
    keys = {"resolution": 4, "window": (-1000, 1000)}
    assert list_files(tmp_path / "p", arrays=True).labels.tolist() == [0, 1]
    assert_names(ImageFolder(path=tmp_path / "split", **keys).remarks[0], "1 picture in bus/")
    (tmp_path / "split" / "test" / "1.npy").unlink()
    (tmp_path / "split" / "test").rmdir()
    with pytest.raises(UsageError) as caught:
        ImageFolder(path=tmp_path / "split", **keys).source()
    assert_names(caught.value, "train/", "bus/")


def test_a_batch_holds_all_levels_in_float32(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    write_values(tmp_path / "train" / "x.png", values)
    write_values(tmp_path / "test" / "x.npy", values)
    data = ImageFolder(path=tmp_path, resolution=256, channels=1, window=(0, 65535))
    for split in (data, data.held_out()):
        x = batch(split, [0, 0]).x
        assert (
            torch.equal(x[1, 0], torch.from_numpy(values.astype(np.float32)) / 65535) and x[0].unique().numel() == 65536
        )


def test_eight_bits_with_their_own_range_are_the_same_bits_as_without_levels(tmp_path):
    folder = write_folder(tmp_path / "p", 20)
    for flip in (False, True):
        plain = ImageFolder(path=folder, resolution=12, flip=flip)
        levelled = ImageFolder(path=folder, resolution=12, flip=flip, window=(0, 255))
        assert torch.equal(batch(plain, [0, 1, 2, 3]).x, batch(levelled, [0, 1, 2, 3]).x)
    small = [ImageFolder(path=folder, resolution=7, window=window) for window in (None, (0, 255))]
    difference = batch(small[0], [0, 1]).x - batch(small[1], [0, 1]).x
    assert 0 < difference.abs().max() < 1.6 / 255  # Pillow rounds bytes after each of its two passes


def test_flipped_pictures_are_mirrored(tmp_path):
    for name in ("train", "test"):
        write_values(tmp_path / name / "x.npy", CT)
    keys = {"path": tmp_path, "resolution": (HEIGHT, WIDTH), "channels": 1, "window": (-2000, 3000)}
    plain = batch(ImageFolder(**keys), [0]).x
    x = batch(ImageFolder(**keys, flip=True), [0] * 40).x
    flipped = (x == plain.flip(3)).flatten(1).all(1)
    assert ((x == plain).flatten(1).all(1) ^ flipped).all() and 5 < flipped.sum() < 35


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW"])
def test_rows_of_an_array_take_levels(tmp_path, layout):
    rows = np.random.default_rng(3).integers(-1000, 1000, (20, HEIGHT, WIDTH)).astype(np.int16)
    np.save(tmp_path / "x.npy", {"NHW": rows, "NHWC": rows[..., None], "NCHW": rows[:, None]}[layout])
    np.savez(tmp_path / "x.npz", rows)
    for name in ("x.npy", "x.npz"):
        data = ImageArrays(
            path=tmp_path / name, resolution=(HEIGHT, WIDTH), channels=1, window=(-500, 500), hold_out=0.3,
            layout=layout if name == "x.npy" else None,
        )  # fmt: skip
        for split in (data, data.held_out()):
            index = split.listed.rows[0]
            expected = torch.from_numpy(by_hand(rows[index], -500, 500)).float() / WHITE
            assert torch.equal(batch(split, [0]).x[0, 0], expected)


def test_levels_are_part_of_the_fingerprint_and_others_stay_as_they_were(tmp_path):
    folder = write_folder(tmp_path / "p", 20)
    keys = {"path": folder, "resolution": 4}
    sets = [{}, {"window": (0, 100)}, {"window": (0, 101)}, {"percentiles": (1, 99)}, {"percentiles": (0, 100)}]
    stores = [ImageFolder(**keys, **each).prepared for each in sets]
    assert len({store.path for store in stores}) == 5
    plain = ImageFolder(**keys).transform.as_dict()
    assert list(plain) == ["height", "width", "channels", "crop", "filter", "background"]
    assert [store.arrays.images.dtype for store in stores] == [np.uint8] + [np.uint16] * 4
    assert stores[1].nbytes == 2 * stores[0].nbytes == (stores[1].path / "images.bin").stat().st_size
    for store in stores:
        Store(store.path).verify()
    about = json.loads((stores[0].path / "about.json").read_text())
    del about["dtype"]  # as earlier versions wrote it
    (stores[0].path / "about.json").write_text(json.dumps(about))
    assert Store(stores[0].path).arrays.images.dtype == np.uint8


def test_the_space_of_16_bits_is_asked_for(tmp_path, monkeypatch):
    data = ImageFolder(path=write_folder(tmp_path / "p", 20), resolution=4, window=(0, 255))
    needed = len(data.listed) * 3 * 4 * 4 * 2
    free = type("", (), {"free": needed - 1})
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: free)
    with pytest.raises(UsageError):
        _ = data.prepared
    free.free = needed
    assert data.prepared.nbytes == needed


def test_the_report_has_the_range_and_the_clipped_share(tmp_path):
    values = np.repeat(np.arange(10, dtype=np.float32), 10).reshape(10, 10)
    for name in ("train", "test"):
        write_values(tmp_path / name / "x.npy", values)
        write_values(tmp_path / name / "y.npy", values + 1)
    report = {
        window: inspect_pictures(ImageFolder(path=tmp_path, resolution=4, window=window), {})
        for window in ((2, 8), (4, 6), (4.5, 5.5))
    }
    found = report[2, 8].values
    assert (found.least, found.most, found.number) == (0, 10, 200)
    assert (found.below, found.above) == (20 + 10, 10 + 20)
    assert [each.values.clips_many for each in report.values()] == [False, True, True]
    assert report[2, 8].as_dict()["values"] == {"least": 0, "most": 10, "below": 0.15, "above": 0.15, "flat": 0}
    assert inspect_pictures(ImageFolder(path=write_folder(tmp_path / "p", 9), resolution=4), {}).values is None


# User pictures


def test_user_pictures_have_the_levels_of_the_training_pictures(tmp_path):
    for name in ("train/a.npy", "train/b.tif", "test/c.npy"):
        write_values(tmp_path / name, CT.astype(np.float32))
    data = ImageFolder(path=tmp_path, resolution=4, channels=1, window=(-1000, 1000))
    x = batch(data, [0, 1]).x
    pictures = open_user_pictures(tmp_path / "train", transform_for(data, data.shape))
    assert torch.equal(pictures.chunk(0, 2), x)
    for place in ("train", "train/a.npy", "train/b.tif"):
        wanted = Levels((-1000, 1000))
        seen, *_ = read_user_pictures(tmp_path / place, 2, (1, 4, 4), wanted)
        direct = Transform(4, 4, 1, crop="centre", levels=wanted)(ArrayPicture(CT[..., None])) / np.float32(WHITE)
        assert np.allclose(seen.numpy(), direct, atol=1e-7) and len(seen) == (2 if place == "train" else 1)
    np.save(tmp_path / "rows.npy", np.stack([CT] * 3))
    assert len(read_user_pictures(tmp_path / "rows.npy", 9, (1, 4, 4), wanted)[0]) == 3


# Pages


def test_the_mask_of_a_page_is_no_second_page(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pixels = noise_picture(HEIGHT, WIDTH, 1)
    for kind in (1, 4, 0):
        with tifffile.TiffWriter(tmp_path / f"{kind}.tif") as file:
            file.write(pixels)
            file.write(pixels > 99 if kind == 4 else 255 - pixels, subfiletype=kind)
    for kind in (1, 4):
        assert np.array_equal(usable(tmp_path / f"{kind}.tif", Transform(HEIGHT, WIDTH, 1))[0], pixels)
    assert_names(usable(tmp_path / "0.tif", Transform(HEIGHT, WIDTH, 1)), "2 pages")


def test_a_volume_is_refused_and_a_smaller_copy_is_not(tmp_path):
    pages = [Image.fromarray(noise_picture(HEIGHT, WIDTH, 1, seed)) for seed in range(3)]
    pages[0].save(tmp_path / "volume.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "pyramid.tif", save_all=True, append_images=[pages[1].resize((4, 3))])
    pages[0].save(tmp_path / "single.tif")
    assert_names(usable(tmp_path / "volume.tif", Transform(HEIGHT, WIDTH, 1)), "3 pages")
    assert_names(usable(tmp_path / "volume.tif", transform(window=(0, 255))), "3 pages")
    for name in ("pyramid.tif", "single.tif"):
        assert np.array_equal(usable(tmp_path / name, Transform(HEIGHT, WIDTH, 1))[0], noise_picture(HEIGHT, WIDTH, 1))
    frames = [Image.fromarray(noise_picture(HEIGHT, WIDTH, 1, seed)) for seed in range(2)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert usable(tmp_path / "film.gif", Transform(HEIGHT, WIDTH, 1)).dtype == np.uint8  # the first image, as before
