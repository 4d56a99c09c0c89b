"""Image sets that need no preparation: MNIST from files or from the `datasets` library, and the packaged digits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from support.messages import assert_names

from genkit.api import Noise, Rows
from genkit.bases.datasets.image_set import flip_horizontally
from genkit.bases.pictures.idx import read_idx
from genkit.errors import UsageError
from genkit.parts.datasets.digits import FILE, Digits
from genkit.parts.datasets.mnist import FILES, MNIST

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "mnist"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the files of MNIST are not beside this repository")


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()


def write(folder, split, images, labels):
    folder.mkdir(exist_ok=True)
    for name, array in zip(FILES[split], (images, labels)):
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))


def pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), rng.integers(0, 10, count).astype(np.uint8)


def batch(data, indices):
    return data.batch(torch.tensor(indices), Noise(0, 0, "data", Rows.all(len(indices))))


def save(folder, images, labels, split=None):
    import datasets
    from PIL import Image

    features = datasets.Features({"digit": datasets.Image(), "name": datasets.ClassLabel(num_classes=10)})
    columns = {"digit": [Image.fromarray(image) for image in images], "name": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features, split=split)


def test_a_batch_holds_the_bytes_over_255_and_the_labels(tmp_path):
    images, labels = pictures(6)
    write(tmp_path, "train", images, labels)
    samples = batch(MNIST(path=tmp_path), [4, 0, 4])
    assert samples.x.dtype == torch.float32 and samples.x.shape == (3, 1, 28, 28)
    assert torch.equal(samples.x[:, 0], torch.tensor(images[[4, 0, 4]]).float() / 255)
    assert samples.extra["label"].dtype == torch.int64
    assert samples.extra["label"].tolist() == labels[[4, 0, 4]].tolist()


def test_the_held_out_split_is_the_test_split_read_once(tmp_path):
    train, test = pictures(6), pictures(3, seed=1)
    write(tmp_path, "train", *train)
    write(tmp_path, "test", *test)
    data = MNIST(path=tmp_path)
    assert (data.size, data.held_out().size, data.held_out().split) == (6, 3, "test")
    assert np.array_equal(data.held_out().arrays.images[:, 0], test[0])
    assert data.held_out().arrays is data.held_out().arrays
    assert data.held_out().held_out() is data.held_out()


def test_the_shape_is_known_and_files_are_read_only_when_needed(tmp_path):
    data = MNIST(path=tmp_path / "nowhere")
    assert data.shape == (1, 28, 28)
    with pytest.raises(UsageError) as caught:
        batch(data, [0])
    assert_names(caught.value, "[data] path", tmp_path / "nowhere", "train-images-idx3-ubyte")


def test_each_split_names_its_missing_files(tmp_path, monkeypatch):
    write(tmp_path / "here", "train", *pictures(2))
    monkeypatch.chdir(tmp_path)
    data = MNIST(path=Path("here"))
    assert data.unmet() == ()
    (unmet,) = data.held_out().unmet()
    files = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    assert_names(unmet, "[data] path", tmp_path / "here", *files, "test split", 'hub = "ylecun/mnist"')
    assert "train-images" not in unmet


def test_only_the_missing_file_is_named(tmp_path):
    write(tmp_path, "train", *pictures(2))
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    (unmet,) = MNIST(path=tmp_path).unmet()
    assert "labels-idx1" in unmet and "images-idx3" not in unmet


@pytest.mark.parametrize(("given", "found"), [({}, "neither"), ({"path": Path("x"), "hub": "y"}, "both")])
def test_exactly_one_of_path_and_hub_is_required(given, found):
    with pytest.raises(ValueError, match=f"{found} path .* hub .*idx files.*ylecun/mnist"):
        MNIST(**given)


def test_images_of_another_shape_and_too_few_labels_are_refused(tmp_path):
    images, labels = pictures(4)
    write(tmp_path, "train", images[:, :14], labels)
    with pytest.raises(UsageError, match=r"images of the train split .*\(4, 14, 28\), expected \(N, 28, 28\)"):
        _ = MNIST(path=tmp_path).size
    write(tmp_path, "train", images, labels[:3])
    with pytest.raises(UsageError, match=r"labels of the train split .*\(3,\), expected \(4,\)"):
        _ = MNIST(path=tmp_path).size


def test_a_set_that_the_library_saved_is_read_with_its_splits(tmp_path):
    import datasets

    train, test = pictures(5), pictures(3, seed=1)
    datasets.DatasetDict(train=save(tmp_path, *train), test=save(tmp_path, *test)).save_to_disk(tmp_path / "saved")
    data = MNIST(hub=str(tmp_path / "saved"))
    for split, (images, labels) in ((data, train), (data.held_out(), test)):
        assert split.unmet() == ()
        assert np.array_equal(split.arrays.images[:, 0], images)
        assert batch(split, [0, 1, 2]).extra["label"].tolist() == labels[:3].tolist()


def test_a_folder_of_parquet_files_is_read(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    images, labels = pictures(4)
    (tmp_path / "data").mkdir()
    save(tmp_path, images, labels).to_parquet(tmp_path / "data" / "train.parquet")
    assert np.array_equal(MNIST(hub=str(tmp_path / "data")).arrays.images[:, 0], images)


def test_a_split_that_was_saved_alone_has_no_held_out_split(tmp_path):
    save(tmp_path, *pictures(4)).save_to_disk(tmp_path / "saved")
    data = MNIST(hub=str(tmp_path / "saved"))
    assert data.size == 4
    with pytest.raises(UsageError) as caught:
        _ = data.held_out().size
    assert_names(caught.value, tmp_path / "saved", "no split 'test'", "train")


def test_coloured_pictures_are_refused(tmp_path):
    images, labels = pictures(2)
    save(tmp_path, images[..., None].repeat(3, axis=3), labels).save_to_disk(tmp_path / "saved")
    with pytest.raises(UsageError, match="picture 0 has mode 'RGB', expected 'L'"):
        _ = MNIST(hub=str(tmp_path / "saved")).size


def test_a_set_without_pictures_is_refused_with_its_columns(tmp_path):
    import datasets

    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(UsageError, match=r"expected one column of pictures .*found none among text"):
        _ = MNIST(hub=str(tmp_path / "saved")).size


def test_every_error_of_the_library_is_reported_with_a_remedy(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        _ = MNIST(hub=str(tmp_path / "empty")).size
    assert_names(caught.value, "[data] hub", tmp_path / "empty", "cannot be loaded", "local folder")


def test_a_missing_hub_folder_is_named(tmp_path):
    (unmet,) = MNIST(hub=str(tmp_path / "absent")).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "absent", "not found")


def test_digits_have_equally_many_of_each_class():
    data = Digits()
    assert (data.shape, data.unmet(), data.size, data.held_out().size) == ((1, 28, 28), (), 5000, 1000)
    assert np.bincount(data.arrays.labels).tolist() == [500] * 10
    assert np.bincount(data.held_out().arrays.labels).tolist() == [100] * 10


def test_no_test_digit_is_a_training_digit():
    train, test = ({image.tobytes() for image in split.arrays.images} for split in (Digits(), Digits(split="test")))
    assert len(test) == 1000 and not train & test


def test_the_file_of_digits_is_small():
    assert FILE.stat().st_size < 1_500_000


@needs_shared
def test_the_digits_are_the_images_of_mnist_at_their_index():
    images, labels = (read_idx(SHARED / f"{name}.gz") for name in FILES["train"])
    half = np.load(SHARED / "mnist_test_a.npz")
    with np.load(FILE) as arrays:
        first = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:500] for digit in range(10)]))
        assert np.array_equal(arrays["train_index"], first)
        assert np.array_equal(arrays["train_images"], images[first])
        assert np.array_equal(arrays["train_labels"], labels[first])
        rows = np.searchsorted(half["index"], arrays["test_index"])
        assert np.array_equal(half["index"][rows], arrays["test_index"])
        assert np.array_equal(arrays["test_images"], half["images"][rows])
        assert np.array_equal(arrays["test_labels"], half["labels"][rows])


@needs_shared
def test_the_files_of_mnist_are_read_and_missing_test_files_are_named():
    data = MNIST(path=SHARED)
    assert data.size == 60_000 and data.unmet() == ()
    assert batch(data, [0, 1, 2]).extra["label"].tolist() == [5, 0, 4]
    assert "t10k" in data.held_out().unmet()[0]


@pytest.mark.parametrize("width", [1, 7, 8, 64])
def test_flipped_images_have_their_columns_in_reverse_order(width: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 5, width), dtype=np.uint8)
    assert np.array_equal(flip_horizontally(images), images[..., ::-1])
