"""CIFAR-10 and Fashion-MNIST, read from the files of their authors."""

import gzip
import os
import struct

import numpy as np
import pytest
import torch
from support.messages import assert_names
from support.pictures import batch

from genkit.errors import UsageError
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.fashion_mnist import FashionMNIST


def write_batches(folder, each=3):
    """Write the six files; return pixels, (6, each, 3, 32, 32), and labels, (6, each)."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, each, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, (6, each), dtype=np.uint8)
    for file, name in enumerate([*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]):
        records = np.concatenate([labels[file][:, None], pixels[file].reshape(each, -1)], axis=1)
        (folder / name).write_bytes(records.tobytes())
    return pixels, labels


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_the_binary_version_is_read_byte_for_byte(tmp_path, inner):
    pixels, labels = write_batches(tmp_path / "cifar" / inner)
    data = CIFAR10(path=tmp_path / "cifar")
    assert (data.shape, data.size, data.held_out().size, data.unmet()) == ((3, 32, 32), 15, 3, ())
    samples = batch(data, list(range(15)))
    assert torch.equal(samples.x, torch.tensor(pixels[:5]).flatten(0, 1).float() / 255)
    assert samples.extra["label"].tolist() == labels[:5].flatten().tolist()
    assert torch.equal(batch(data.held_out(), [1]).x[0], torch.tensor(pixels[5, 1]).float() / 255)


def test_flip_mirrors_some_training_pictures(tmp_path):
    write_batches(tmp_path / "c")
    plain, flipping = (batch(CIFAR10(path=tmp_path / "c", flip=flip), list(range(15))).x for flip in (False, True))
    assert not torch.equal(plain, flipping)
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(plain, flipping))


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    write_batches(tmp_path / "c")
    (tmp_path / "c" / "data_batch_4.bin").unlink()
    (unmet,) = CIFAR10(path=tmp_path / "c").unmet()
    assert_names(unmet, "[data] path", tmp_path / "c", "data_batch_4.bin", "train", "CIFAR-10", "uoft-cs/cifar10")
    assert "data_batch_3.bin" not in unmet


@pytest.mark.parametrize("break_file", [lambda path: os.truncate(path, 3073 * 2**30), os.mkfifo])
def test_a_file_that_is_too_large_or_no_file_is_refused(tmp_path, break_file):
    write_batches(tmp_path / "c")
    path = tmp_path / "c" / "data_batch_2.bin"
    if break_file is os.mkfifo:
        path.unlink()
    break_file(path)
    with pytest.raises(UsageError) as caught:
        _ = CIFAR10(path=tmp_path / "c").size
    assert_names(caught.value, f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"\x01" * 3072, b"\x0a" + b"\0" * 3072])
def test_a_file_of_another_format_is_refused(tmp_path, content):
    write_batches(tmp_path / "c")
    (tmp_path / "c" / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(UsageError, match="data_batch_2.bin: not a file of the binary version") as caught:
        _ = CIFAR10(path=tmp_path / "c").size
    assert_names(caught.value, f"{len(content):,} bytes", "3,073")


def test_fashion_mnist_is_read_from_files_named_as_those_of_mnist(tmp_path):
    (unmet,) = FashionMNIST(path=tmp_path).unmet()
    assert_names(unmet, "train-images-idx3-ubyte", "four idx files of Fashion-MNIST", "zalando-datasets/fashion_mnist")
    for name, array in (
        ("train-images-idx3-ubyte", np.arange(2 * 784).reshape(2, 28, 28).astype(np.uint8)),
        ("train-labels-idx1-ubyte", np.array([3, 4], np.uint8)),
    ):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes()))
    assert batch(FashionMNIST(path=tmp_path), [1, 0]).extra["label"].tolist() == [4, 3]
