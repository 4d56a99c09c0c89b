import gzip
import struct

import numpy as np
import pytest

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.idx import read_idx


def idx(array, kind=0x08):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["x-ubyte", "x-ubyte.gz"])
def test_an_array_is_read_back_whatever_its_suffix_says(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(idx(ARRAY)))
    assert np.array_equal(read_idx(tmp_path / name), ARRAY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file: it begins with nothing"),
        (b"PK\x03\x04 an archive", "not an idx file: it begins with 50 4b 03 04"),
        (b"\0\0\x42\x01", "not an idx file"),
        (idx(ARRAY, kind=0x0D), "holds float32, expected unsigned bytes"),
        (b"\0\0\x08\0", "header of 0 dimensions is not whole"),
        (idx(ARRAY)[:9], "header of 3 dimensions is not whole"),
        (idx(ARRAY)[:-5], r"\(2, 3, 4\) needs 24 bytes and 19 are there"),
        (idx(ARRAY) + b"?", r"\(2, 3, 4\) needs 24 bytes and 25 are there"),
        (gzip.compress(idx(ARRAY), mtime=0)[:-9], "is damaged"),
        (b"\x1f\x8b no stream", "is damaged"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_idx(tmp_path / "absent")
