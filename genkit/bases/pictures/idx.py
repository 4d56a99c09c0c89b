"""The idx file format of MNIST: two zero bytes, the value type, the number of dimensions, each dimension, the values.

LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats",
https://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import zlib
from contextlib import nullcontext
from io import BufferedReader
from pathlib import Path

import numpy as np

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.regular_file import open_regular

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08
MOST_DIMENSIONS = 4
MOST_VALUES = 2**30  # a file of MNIST has 47,040,000
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file of unsigned bytes, gzipped or not, in the shape of its header, (N, ...).

    Raises `UsageError` if the file cannot be read, is not an idx file, holds another type of value, or is damaged or
    larger than `MOST_VALUES`.
    """
    try:
        with open_regular(path) as file:
            # By content, not by suffix: browsers and mirrors unpack files and keep the suffix.
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if packed else nullcontext(file) as content:
                return _read(path, content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: damaged; {error}. Download it again.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {describe_os_error(error, path)}.") from error


def _read(path: Path, file: gzip.GzipFile | BufferedReader) -> np.ndarray:
    """Return the array of an opened file. No more is read than the header declares, and that is limited."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in (UNSIGNED_BYTES, *OTHER_TYPES):
        found = f"starts with {start.hex(' ')}" if start else "is empty"
        raise UsageError(f"{path}: not an idx file; the file {found}. Download it again.")
    value_type, dimensions = start[2], start[3]
    if value_type != UNSIGNED_BYTES:
        raise UsageError(f"{path}: found values of type {OTHER_TYPES[value_type]}, expected unsigned bytes.")
    if dimensions > MOST_DIMENSIONS:
        raise UsageError(f"{path}: found {dimensions} dimensions, expected 1 to {MOST_DIMENSIONS}. Download it again.")
    header = file.read(4 * dimensions)
    if dimensions == 0 or len(header) < 4 * dimensions:
        raise UsageError(f"{path}: truncated in the header of {dimensions} dimensions. Download it again.")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    expected = math.prod(shape)
    if expected > MOST_VALUES:
        raise UsageError(f"{path}: shape {shape} needs {expected:,} bytes, more than {MOST_VALUES:,}.")
    values = file.read(expected + 1)
    if len(values) != expected:
        found = f"found {len(values)}" if len(values) < expected else "found more"
        raise UsageError(f"{path}: damaged; shape {shape} needs {expected} bytes, {found}. Download it again.")
    return np.frombuffer(values, np.uint8).reshape(shape)
