import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit.api import Noise, Rows
from genkit.errors import UsageError
from genkit.parts.datasets.base.image_set import mirrored
from genkit.parts.datasets.digits import FILE, Digits
from genkit.parts.datasets.mnist import FILES, MNIST
from genkit.parts.datasets.pictures.idx import read_idx

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "mnist"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="MNIST itself is not beside this repository")


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


def test_the_held_out_split_is_the_test_split_and_is_read_once(tmp_path):
    train, test = pictures(6), pictures(3, seed=1)
    write(tmp_path, "train", *train)
    write(tmp_path, "test", *test)
    data = MNIST(path=tmp_path)
    assert (data.size, data.held_out().size, data.held_out().split) == (6, 3, "test")
    assert np.array_equal(data.held_out().arrays.images[:, 0], test[0])
    assert data.held_out().arrays is data.held_out().arrays
    assert data.held_out().held_out() is data.held_out()


def test_the_shape_is_known_and_nothing_is_read_before_it_is_asked_for(tmp_path):
    data = MNIST(path=tmp_path / "nowhere")
    assert data.shape == (1, 28, 28)
    with pytest.raises(UsageError, match="nowhere has no train-images-idx3-ubyte"):
        batch(data, [0])


def test_each_split_names_the_files_that_it_lacks(tmp_path, monkeypatch):
    write(tmp_path / "here", "train", *pictures(2))
    monkeypatch.chdir(tmp_path)
    data = MNIST(path=Path("here"))
    assert data.unmet() == ()
    (unmet,) = data.held_out().unmet()
    assert str(tmp_path / "here") in unmet
    assert "t10k-images-idx3-ubyte and no t10k-labels-idx1-ubyte" in unmet and 'hub = "ylecun/mnist"' in unmet


def test_only_the_file_that_is_absent_is_named(tmp_path):
    write(tmp_path, "train", *pictures(2))
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    (unmet,) = MNIST(path=tmp_path).unmet()
    assert "labels-idx1" in unmet and "images-idx3" not in unmet


@pytest.mark.parametrize("given", [{}, {"path": Path("x"), "hub": "y"}])
def test_exactly_one_source_is_given(given):
    with pytest.raises(ValueError, match=r'write path = "FOLDER" .* or hub = "ylecun/mnist"'):
        MNIST(**given)


def test_images_of_another_size_and_labels_of_another_number_are_refused(tmp_path):
    images, labels = pictures(4)
    write(tmp_path, "train", images[:, :14], labels)
    with pytest.raises(UsageError, match=r"\(4, 14, 28\), expected \(N, 28, 28\)"):
        _ = MNIST(path=tmp_path).size
    write(tmp_path, "train", images, labels[:3])
    with pytest.raises(UsageError, match=r"labels of the train split are \(3,\), expected \(4,\)"):
        _ = MNIST(path=tmp_path).size


def test_a_set_saved_by_the_library_is_read_with_its_splits(tmp_path):
    import datasets

    train, test = pictures(5), pictures(3, seed=1)
    datasets.DatasetDict(train=save(tmp_path, *train), test=save(tmp_path, *test)).save_to_disk(tmp_path / "saved")
    data = MNIST(hub=str(tmp_path / "saved"))
    for split, (images, labels) in ((data, train), (data.held_out(), test)):
        assert split.unmet() == ()
        assert np.array_equal(split.arrays.images[:, 0], images)
        assert batch(split, [0, 1, 2]).extra["label"].tolist() == labels[:3].tolist()


def test_a_folder_of_parquet_is_read(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    images, labels = pictures(4)
    (tmp_path / "data").mkdir()
    save(tmp_path, images, labels).to_parquet(tmp_path / "data" / "train.parquet")
    assert np.array_equal(MNIST(hub=str(tmp_path / "data")).arrays.images[:, 0], images)


def test_a_set_saved_alone_is_not_held_out_from_itself(tmp_path):
    save(tmp_path, *pictures(4)).save_to_disk(tmp_path / "saved")
    data = MNIST(hub=str(tmp_path / "saved"))
    assert data.size == 4
    with pytest.raises(UsageError, match="has no split 'test', but train"):
        _ = data.held_out().size


def test_coloured_pictures_are_refused(tmp_path):
    images, labels = pictures(2)
    save(tmp_path, images[..., None].repeat(3, axis=3), labels).save_to_disk(tmp_path / "saved")
    with pytest.raises(UsageError, match="picture 0 has the mode 'RGB', expected 'L'"):
        _ = MNIST(hub=str(tmp_path / "saved")).size


def test_a_set_without_pictures_says_what_it_has(tmp_path):
    import datasets

    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(UsageError, match=r"expected one column of pictures .* found none among text"):
        _ = MNIST(hub=str(tmp_path / "saved")).size


def test_whatever_the_library_raises_is_told_with_a_remedy(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"cannot be loaded: .* give a local folder"):
        _ = MNIST(hub=str(tmp_path / "empty")).size


def test_a_hub_folder_that_is_absent_is_unmet(tmp_path):
    (unmet,) = MNIST(hub=str(tmp_path / "absent")).unmet()
    assert f"{tmp_path / 'absent'} is not there" in unmet


def test_digits_have_equally_many_of_each_class():
    data = Digits()
    assert (data.shape, data.unmet(), data.size, data.held_out().size) == ((1, 28, 28), (), 5000, 1000)
    assert np.bincount(data.arrays.labels).tolist() == [500] * 10
    assert np.bincount(data.held_out().arrays.labels).tolist() == [100] * 10


def test_no_test_digit_is_trained_on():
    train, test = ({image.tobytes() for image in split.arrays.images} for split in (Digits(), Digits(split="test")))
    assert len(test) == 1000 and not train & test


def test_the_file_of_digits_is_small():
    assert FILE.stat().st_size < 1_500_000


@needs_shared
def test_the_digits_are_those_of_mnist_that_their_index_names():
    images, labels = (read_idx(SHARED / f"{name}.gz") for name in FILES["train"])
    half = np.load(SHARED / "mnist_test_a.npz")
    with np.load(FILE) as held:
        first = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:500] for digit in range(10)]))
        assert np.array_equal(held["train_index"], first)
        assert np.array_equal(held["train_images"], images[first])
        assert np.array_equal(held["train_labels"], labels[first])
        rows = np.searchsorted(half["index"], held["test_index"])
        assert np.array_equal(half["index"][rows], held["test_index"])
        assert np.array_equal(held["test_images"], half["images"][rows])
        assert np.array_equal(held["test_labels"], half["labels"][rows])


@needs_shared
def test_mnist_itself_is_read_and_its_test_files_are_missed():
    data = MNIST(path=SHARED)
    assert data.size == 60_000 and data.unmet() == ()
    assert batch(data, [0, 1, 2]).extra["label"].tolist() == [5, 0, 4]
    assert "t10k" in data.held_out().unmet()[0]


@pytest.mark.parametrize("width", [1, 7, 8, 64])
def test_mirrored_images_are_read_from_right_to_left(width: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 5, width), dtype=np.uint8)
    assert np.array_equal(mirrored(images), images[..., ::-1])
