"""Which pictures of two sources are the same: files are compared by the place that they have on disk.

Links are followed. A copy of a picture is another file, which no comparison finds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from genkit.bases.pictures.array_source import ArraySource
from genkit.bases.pictures.source import Source, files_of, rows_of_whole, whole_source

FileKey = tuple[int, int]  # device and number of a file


def keyed(files: Iterable[Path]) -> Iterator[tuple[FileKey, Path]]:
    """Yield the files that exist, each with its key."""
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            continue  # reading reports it
        yield (status.st_dev, status.st_ino), file


def picture_keys(source: Source) -> np.ndarray:
    """Return a key for each picture that is read from a file, (N,) int64, sorted, no two equal.

    Pictures with equal keys are the same file, or the same row of the same array. It is empty for a source that is not
    known to read files.
    """
    whole = whole_source(source)
    if isinstance(whole, ArraySource):  # its rows share a file, and a file may have several arrays
        array = hashlib.blake2b(repr(whole.array.shape).encode())
        for pixels in whole.some_rows():
            array.update(np.ascontiguousarray(pixels).tobytes())
        rows = rows_of_whole(source)
        named = [f"{key} {array.hexdigest()} {row}" for key, _ in keyed([whole.path]) for row in rows]
    else:
        named = [str(key) for key, _ in keyed(files_of(source))]
    digests = (hashlib.blake2b(each.encode(), digest_size=8).digest() for each in named)
    return np.unique(np.frombuffer(b"".join(digests), np.int64))
