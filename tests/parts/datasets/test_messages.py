"""Whole messages of the data sets, as a user reads them. They are kept in `tests/golden/datasets_*.txt`."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.pictures import noise_picture, write_folder, write_picture

from genkit.api import Noise, Rows
from genkit.bases.pictures import prepare
from genkit.bases.pictures.skipped_pictures import skipped_before_training, skipped_during_training
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.user_pictures import read_user_pictures
from genkit.errors import GenkitError
from genkit.parts.datasets.celeba import CelebA
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.hub_images import HubImages
from genkit.parts.datasets.hub_stream import HubStream
from genkit.parts.datasets.image_arrays import ImageArrays
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.lsun import LSUN
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.datasets.svhn import SVHN

pytestmark = pytest.mark.usefixtures("own_cache")


class Messages:
    """Collects error messages, each below a line that says what was wrong."""

    def __init__(self):
        self.lines = []

    def of(self, mistake, call):
        """Add the message of the error that the call raises."""
        with pytest.raises((GenkitError, ValueError)) as caught:
            call()
        self.add(mistake, str(caught.value))

    def add(self, mistake, text):
        self.lines.append(f"# {mistake}\n{text}\n")

    def __str__(self):
        return "\n".join(self.lines)


@pytest.fixture
def messages():
    return Messages()


def size_of(data_set, **keys):
    """Return a call that lists a split."""
    return lambda: len(data_set(**{"resolution": 4} | keys).source())


def test_messages_about_folders(tmp_path, golden, messages):
    folder = write_folder(tmp_path / "pictures", 3)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("")
    write_folder(tmp_path / "split" / "train", 2)
    write_folder(tmp_path / "split" / "val", 2)
    write_picture(tmp_path / "faces" / "me.jpg", noise_picture(4, 4))
    write_picture(tmp_path / "celeba" / "000001.jpg", noise_picture(4, 4))
    messages.of("a folder that does not exist", size_of(ImageFolder, path=tmp_path / "absent"))
    messages.of("a file in place of a folder", size_of(ImageFolder, path=folder / "0000.png"))
    messages.of("a folder without pictures", size_of(ImageFolder, path=tmp_path / "texts"))
    messages.of("a share of a folder with splits", size_of(ImageFolder, path=tmp_path / "split", hold_out=0.2))
    messages.of("a held-out folder in the training folder", size_of(ImageFolder, path=tmp_path, hold_out=folder))
    messages.of("a share that holds out nothing", size_of(ImageFolder, path=folder, hold_out=0.01, split="test"))
    for name in ("train", "bus"):
        write_folder(tmp_path / "class" / name, 1)
        write_folder(tmp_path / "alone" / name.replace("train", "test"), 1)
    messages.of("a class that is called train", size_of(ImageFolder, path=tmp_path / "class"))
    messages.of("a class that is called test", size_of(ImageFolder, path=tmp_path / "alone"))
    write_folder(tmp_path / "split" / "extra", 2)
    (tmp_path / "split" / "train" / "readme.md").write_text("")
    write_folder(tmp_path / "split", 1)
    split = ImageFolder(path=tmp_path / "split", resolution=4)
    messages.add("pictures that are in no split", "\n".join(split.remarks))
    for number in range(6):
        (tmp_path / "split" / "train" / f"x.{number}").write_text("")
    split = ImageFolder(path=tmp_path / "split", resolution=4, hold_out=folder)
    messages.add("many other files", "\n".join(split.remarks))
    (folder.parent / "runs").mkdir()
    (folder.parent / "runs" / "recipe.resolved.toml").write_text("")
    messages.of("a folder of a run", size_of(ImageFolder, path=tmp_path / "runs"))
    messages.of("CelebA: no folder", size_of(CelebA, path=tmp_path / "absent"))
    messages.of("CelebA: other faces", size_of(CelebA, path=tmp_path / "faces"))
    messages.of("CelebA: a part of the set", size_of(CelebA, path=tmp_path / "celeba", split="test"))
    messages.of("LSUN: no folder", size_of(LSUN, path=tmp_path / "absent"))
    messages.of("SVHN: no folder", size_of(SVHN, path=tmp_path / "absent"))
    messages.of("neither path nor hub", lambda: LSUN(resolution=4))
    messages.of("an empty crop", lambda: ImageFolder(path=folder, resolution=4, crop=(5, 5, 5, 9)))
    golden("datasets_folders", str(messages))


def test_messages_about_files(tmp_path, golden, messages):
    messages.of("MNIST: no files", MNIST(path=tmp_path / "absent").read)
    messages.of("MNIST: both path and hub", lambda: MNIST(path=tmp_path, hub="ylecun/mnist"))
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_text("<html>")
    messages.of("MNIST: files of another format", MNIST(path=tmp_path).read)
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(b"12")
    messages.of("CIFAR-10: files of another format", CIFAR10(path=tmp_path).read)
    messages.of("CIFAR-10: no file", CIFAR10(path=tmp_path, split="test").read)
    messages.of("a stand-in of another shape", lambda: StandIn((3, 4)))

    grey = noise_picture(40, 30, 1).reshape(40, 5, 6)
    np.save(tmp_path / "range.npy", grey.astype(np.float32))
    np.save(tmp_path / "type.npy", grey.astype(np.int64))
    np.save(tmp_path / "layout.npy", noise_picture(8, 9).reshape(8, 3, 3, 3))
    np.save(tmp_path / "shape.npy", grey[0])
    np.savez(tmp_path / "two.npz", a=grey, b=grey, y=np.arange(39))
    (tmp_path / "text.npy").write_text("grey")
    messages.of("no file", size_of(ImageArrays, path=tmp_path / "absent.npy"))
    for name, mistake in (
        ("range", "values in 0..255"),
        ("type", "values of a wrong type"),
        ("layout", "an ambiguous layout"),
        ("shape", "a wrong number of dimensions"),
        ("text", "a file of another format"),
    ):
        messages.of(mistake, size_of(ImageArrays, path=tmp_path / f"{name}.npy"))
    messages.of("two arrays", size_of(ImageArrays, path=tmp_path / "two.npz"))
    messages.of("an array that is not in the file", size_of(ImageArrays, path=tmp_path / "two.npz", array="c"))
    messages.of("too few labels", size_of(ImageArrays, path=tmp_path / "two.npz", array="a", labels="y"))
    golden("datasets_files", str(messages))


def test_messages_about_the_hub(tmp_path, golden, messages, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    monkeypatch.setattr(datasets, "load_dataset", offline)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda hub, config: ["train", "test"])
    picture = {"image": [Image.fromarray(noise_picture(4, 4))], "other": [Image.fromarray(noise_picture(4, 4))]}
    features = datasets.Features({"image": datasets.Image(), "other": datasets.Image()})
    table = datasets.Dataset.from_dict(picture, features)
    datasets.DatasetDict(train=table, validation=table).save_to_disk(tmp_path / "saved")
    saved = str(tmp_path / "saved")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.csv").write_text("a,b\n1,2\n")
    messages.of("a folder that does not exist", size_of(HubImages, hub=str(tmp_path / "absent")))
    messages.of("no network", size_of(HubImages, hub="someone/something"))
    messages.of("two columns of pictures", size_of(HubImages, hub=saved))
    messages.of("a column without pictures", size_of(HubImages, hub=saved, column="label"))
    messages.of("a share of a set with splits", size_of(HubImages, hub=saved, hold_out=0.2))
    messages.of("a split that does not exist", size_of(HubImages, hub=saved, hold_out="test", split="test"))
    messages.of("a stream without the split", size_of(HubStream, hub=str(tmp_path / "texts"), split="test"))
    golden("datasets_hub", str(messages))


def offline(*arguments, **keys):
    raise ConnectionError("no connection to the hub.")


def test_messages_about_groups(tmp_path, golden, messages):
    folder, groups = write_folder(tmp_path / "pictures", 12), tmp_path / "patients.csv"
    rows = [(f"{index:04d}.png", f"patient {index % 3}", "train" if index % 3 else "test") for index in range(12)]

    def of(mistake, rows, header="file,group", **keys):
        groups.write_text("\n".join([header, *(",".join(row) for row in rows)]))
        messages.of(mistake, size_of(ImageFolder, path=folder, groups=groups, **keys))

    pairs = [row[:2] for row in rows]
    of("no column of that name", pairs, "name,patient")
    of("semicolons", pairs, "file;group")
    of("pictures without a row", pairs[5:])
    of("two rows of a picture", [*pairs, pairs[2], pairs[4]])
    of("values that are missing", [("a.png",), ("", "patient 1"), *pairs])
    of("an unknown split", [("a.png", "patient 1", "validation"), *rows], "file,group,split")
    of("groups in both splits", [(*rows[0][:2], "train"), *rows[1:]], "file,group,split")
    of("a column without the test split", [(*row[:2], "train") for row in rows], "file,group,split")
    of("a column and a share", rows, "file,group,split", hold_out=0.2)
    of("a share that holds out nothing", pairs, hold_out=0.01)
    of("one group", [(name, "patient 1") for name, _ in pairs])
    of("another folder", pairs, hold_out=tmp_path / "other")
    messages.of("no file", size_of(ImageFolder, path=folder, groups=tmp_path / "absent.csv"))
    for split in ("train", "test"):
        write_folder(tmp_path / "split" / split, 2)
    of_split = [(f"{split}/{index:04d}.png", f"patient {index}") for split in ("train", "test") for index in range(2)]
    groups.write_text("\n".join(["file,group", *(",".join(row) for row in of_split)]))
    messages.of("groups in both sub-folders", size_of(ImageFolder, path=tmp_path / "split", groups=groups))
    groups.write_text("file,group\n" + "".join(f"{name},patient {name[-5]}\n" for name, _ in pairs) + "x.png,x\n")
    data = ImageFolder(path=folder, groups=groups, resolution=4, hold_out=0.3)
    messages.add("a remark", "\n".join(data.remarks))
    golden("datasets_groups", str(messages))


def test_messages_about_levels(tmp_path, golden, messages):
    (tmp_path / "slices").mkdir()
    values = np.linspace(-1000, 1000, 64).reshape(8, 8)
    for name, array in {
        "flat": np.zeros((8, 8)),
        "infinite": np.where(values == values[4, 2], np.inf, values),
        "objects": np.array([[None]]),
        "shape": np.zeros((3, 8, 3)),
        "text": np.array([["a"]]),
        "two": np.where(values > 900, np.nan, values),
    }.items():
        np.save(tmp_path / "slices" / f"{name}.npy", array, allow_pickle=True)
    (tmp_path / "slices" / "cut.npy").write_bytes(b"\x93NUMPY")
    write_picture(tmp_path / "slices" / "clear.png", noise_picture(8, 8, 4))
    pages = [Image.fromarray(noise_picture(8, 8, 1, seed)) for seed in range(5)]
    pages[0].save(tmp_path / "slices" / "volume.tif", save_all=True, append_images=pages[1:])
    np.save(tmp_path / "slices" / "good.npy", values)
    keys = {"path": tmp_path / "slices", "resolution": 4, "hold_out": tmp_path / "test"}
    write_folder(tmp_path / "test", 1)
    messages.of("bad pictures", lambda: ImageFolder(**keys, percentiles=(1, 99)).read())
    messages.of("low is not below high", lambda: ImageFolder(**keys, window=(400, -1000)))
    messages.of("no percentiles", lambda: ImageFolder(**keys, percentiles=(1, 990)))
    messages.of("both keys", lambda: ImageFolder(**keys, window=(0, 1), percentiles=(1, 99)))
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "x.npy", values)
    messages.of("arrays without levels", size_of(ImageFolder, path=tmp_path / "arrays"))
    np.save(tmp_path / "text.npy", np.full((2, 8, 8), "x"))
    messages.of("an array of texts", size_of(ImageArrays, path=tmp_path / "text.npy", window=(0, 1)))
    golden("datasets_levels", str(messages))


def test_messages_about_bad_pictures(tmp_path, golden, messages, monkeypatch):
    folder = write_folder(tmp_path / "pictures" / "train", 2)
    write_folder(tmp_path / "pictures" / "test", 1)
    (folder / "text.png").write_text("not a picture")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    write_picture(folder / "pixel.png", noise_picture(1, 1))
    write_picture(folder / "small.png", noise_picture(3, 3))
    Image.fromarray(np.zeros((12, 12), np.float32)).save(folder / "float.tif")
    keys = {"path": tmp_path / "pictures", "resolution": 4}
    messages.of("bad pictures are refused", ImageFolder(**keys, crop=5).read)
    messages.of("all pictures are bad", ImageFolder(**keys, crop=50).read)
    skipping = ImageFolder(**keys, crop=5, on_bad="skip")
    messages.add("bad pictures are skipped", "\n".join(skipped_before_training(skipping, skipping.held_out())))
    for number in range(12):
        (folder / f"{number}.png").write_text("not a picture")
    messages.of("more bad pictures than are listed", ImageFolder(**keys, crop=5).read)

    user = tmp_path / "pictures" / "train"
    messages.of("user pictures: bad ones", lambda: read_user_pictures(user, 2, (3, 8, 8)))
    messages.of("user pictures: one bad file", lambda: read_user_pictures(user / "text.png", 1, (3, 8, 8)))
    messages.of("user pictures: no file", lambda: read_user_pictures(tmp_path / "absent", 1, (3, 8, 8)))
    messages.of("user pictures: a model of points", lambda: read_user_pictures(user, 1, (2,)))
    golden("datasets_bad_pictures", str(messages))


def test_messages_about_streams(tmp_path, golden, messages, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    encoded = {"image": [{"bytes": b"not a picture", "path": None}] * 2}
    table = datasets.Dataset.from_dict(encoded, datasets.Features({"image": datasets.Image()}))
    good = datasets.Dataset.from_dict({"image": [Image.fromarray(noise_picture(4, 4))] * 2}, table.features)
    (tmp_path / "set").mkdir()
    datasets.concatenate_datasets([table, good]).to_parquet(tmp_path / "set" / "train.parquet")

    keys = {"hub": str(tmp_path / "set"), "resolution": 4}
    skipping = HubStream(**keys, on_bad="skip")
    skipping.batch(torch.arange(4), Noise(0, 0, "data", Rows.all(4)))
    messages.add("bad pictures are skipped", "\n".join(skipped_during_training(skipping)))
    golden("datasets_streams", str(messages))


def test_messages_about_prepared_pictures(tmp_path, golden, messages, monkeypatch):
    data = ImageFolder(path=write_folder(tmp_path / "pictures", 3), resolution=4, hold_out=0.5)
    images = data.prepared.path / "images.bin"
    images.write_bytes(b"short")
    with pytest.raises(GenkitError) as caught:
        data.read()
    messages.add("a damaged store", str(caught.value).replace(images.parent.name, "FINGERPRINT"))

    def interrupt(file, array):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "_write", interrupt)
    messages.of("an interrupt", ImageFolder(path=tmp_path / "pictures", resolution=5, hold_out=0.5).read)
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: type("", (), {"free": 10}))
    messages.of("a full disk", ImageFolder(path=tmp_path / "pictures", resolution=5, hold_out=0.5).read)
    messages.add("a transform", Transform(64, 64, 3, crop="centre").describe(178, 218))
    messages.add("a transform that stretches", Transform(64, 64, 3).describe(178, 218))
    messages.add("a transform of a picture that is too small", Transform(8, 8, 3, crop=9).describe(8, 8))
    golden("datasets_prepared_pictures", str(messages))
