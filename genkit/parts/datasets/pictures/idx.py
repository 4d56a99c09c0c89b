"""The idx format of MNIST: two zero bytes, the kind, the number of dimensions, each dimension, the values.

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
OTHER_KINDS = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file of unsigned bytes, compressed with gzip or not, in the shape that it states.

    Raises `UsageError` if the file cannot be read, is not idx, holds another kind of number, or is cut short.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in (UNSIGNED_BYTES, *OTHER_KINDS):
        raise UsageError(f"{path} is not an idx file: it begins with {content[:4].hex(' ') or 'nothing'}.")
    kind, dimensions = content[2], content[3]
    if kind != UNSIGNED_BYTES:
        raise UsageError(f"{path} holds {OTHER_KINDS[kind]}, expected unsigned bytes.")

    start = 4 + 4 * dimensions
    if dimensions == 0 or len(content) < start:
        raise UsageError(f"{path} is cut short: its header of {dimensions} dimensions is not whole.")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) - start != math.prod(shape):
        raise UsageError(
            f"{path} is damaged: {shape} needs {math.prod(shape)} bytes and {len(content) - start} are there. "
            "Get the file again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        # By content, not by name: browsers and mirrors unpack files and keep the suffix.
        return gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path} is damaged: {error}. Get the file again.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {describe_os_error(error, path)}.") from error
