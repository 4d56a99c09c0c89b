"""The idx file format: compressed or not, and what is wrong with a file that is not idx."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.messages import assert_names

from genkit.bases.pictures.idx import read_idx
from genkit.errors import UsageError


def idx(array, kind=0x08):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["x-ubyte", "x-ubyte.gz"])
def test_an_array_is_read_whatever_the_suffix_of_its_file(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(idx(ARRAY)))
    assert np.array_equal(read_idx(tmp_path / name), ARRAY)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", ("not an idx file", "empty")),
        (b"PK\x03\x04 an archive", ("not an idx file", "50 4b 03 04")),
        (b"\0\0\x42\x01", ("not an idx file", "00 00 42 01")),
        (idx(ARRAY, kind=0x0D), ("float32", "expected unsigned bytes")),
        (b"\0\0\x08\0", ("truncated", "header of 0 dimensions")),
        (idx(ARRAY)[:9], ("truncated", "header of 3 dimensions")),
        (idx(ARRAY)[:-5], ("damaged", "(2, 3, 4)", "24 bytes", "found 19")),
        (idx(ARRAY) + b"?", ("damaged", "(2, 3, 4)", "24 bytes", "found more")),
        (gzip.compress(idx(ARRAY), mtime=0)[:-9], ("damaged", "Download it again")),
        (b"\x1f\x8b no stream", ("damaged", "Download it again")),
    ],
)
def test_the_message_names_the_file_and_its_defect(tmp_path, content, names):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_idx(path)
    assert_names(caught.value, f"{path}: ", *names)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        read_idx(tmp_path / "absent")
    assert_names(caught.value, tmp_path / "absent", "No such file")


def test_no_more_is_unpacked_than_the_header_declares(tmp_path):
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(idx(ARRAY) + b"\0" * 2**26)
    tracemalloc.start()
    with pytest.raises(UsageError, match="damaged"):
        read_idx(tmp_path / "x.gz")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (struct.pack(">HBB3I", 0, 8, 3, 100_000, 300, 300), ("(100000, 300, 300)", "9,000,000,000 bytes")),
        (struct.pack(">HBB255I", 0, 8, 255, *[1] * 255) + b"\0", ("255 dimensions", "1 to 4")),
        (struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4), ("4294967295",)),
    ],
)
def test_a_header_that_declares_too_much_is_refused(tmp_path, header, names):
    (tmp_path / "x").write_bytes(header)
    with pytest.raises(UsageError) as caught:
        read_idx(tmp_path / "x")
    assert_names(caught.value, f"{tmp_path}/x: ", *names)


def test_what_is_no_file_is_refused_without_reading(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place, kind in ((tmp_path / "pipe", "named pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(UsageError) as caught:
            read_idx(place)
        assert_names(caught.value, f"{place}: cannot be read", kind)
