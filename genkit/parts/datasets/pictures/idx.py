"""The idx file format of MNIST: two zero bytes, the value type, the number of dimensions, each dimension, the values.

LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats",
https://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file of unsigned bytes, compressed with gzip or not, in the shape of its header.

    Raises `UsageError` if the file cannot be read, is not an idx file, holds another type of value, or is truncated.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in (UNSIGNED_BYTES, *OTHER_TYPES):
        start = f"starts with {content[:4].hex(' ')}" if content else "is empty"
        raise UsageError(f"{path}: not an idx file; the file {start}. Download it again.")
    value_type, dimensions = content[2], content[3]
    if value_type != UNSIGNED_BYTES:
        raise UsageError(f"{path}: found values of type {OTHER_TYPES[value_type]}, expected unsigned bytes.")

    start_of_values = 4 + 4 * dimensions
    if dimensions == 0 or len(content) < start_of_values:
        raise UsageError(f"{path}: truncated in the header of {dimensions} dimensions. Download it again.")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) - start_of_values != math.prod(shape):
        raise UsageError(
            f"{path}: damaged; shape {shape} needs {math.prod(shape)} bytes, found {len(content) - start_of_values}. "
            "Download it again."
        )
    return np.frombuffer(content, np.uint8, offset=start_of_values).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        # By content, not by suffix: browsers and mirrors unpack files and keep the suffix.
        return gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: damaged; {error}. Download it again.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {describe_os_error(error, path)}.") from error
