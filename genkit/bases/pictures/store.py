"""Store of prepared pictures on the disk: raw bytes, read through a memory map in constant memory.

CACHE/pictures/3f0c.../
    images.bin    (N, C, H, W) uint8, or with levels uint16, least byte first
    labels.bin    (N,) int64; only if the source has classes
    about.json    the source, the transform, the bad pictures, and the digests of the two other files

The name of a store is the fingerprint of its source and its transform. A store appears under its name when it is
complete, and never changes. It may be deleted at any time: the next run makes it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from genkit.bases.datasets.image_set import Arrays
from genkit.bases.pictures.bad_pictures import BadPicture
from genkit.bases.pictures.source import Source
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.value_range import ValueRange
from genkit.errors import UsageError
from genkit.storage.atomic import write_file

STORE_FORMAT = 3  # of the files and of the work of the transform; part of the fingerprint
IMAGES, LABELS, ABOUT = "images.bin", "labels.bin", "about.json"
READ_BLOCK = 1 << 22  # bytes


def store_fingerprint(source: Source, transform: Transform) -> str:
    """Return the name of the store of these pictures."""
    facts = {
        "format": STORE_FORMAT,
        "source": source.digest(),
        "number": len(source),
        "transform": transform.as_dict(),
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Store:
    """A complete store."""

    path: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """The content of about.json. Raises `UsageError` if it cannot be read."""
        try:
            about = json.loads((self.path / ABOUT).read_text(encoding="utf-8"))
            dtype = np.dtype(about.get("dtype", "uint8"))  # earlier versions did not write it
            return {
                **about,
                "shape": tuple(about["shape"]),
                "dtype": dtype,
                "bad": [BadPicture(*bad) for bad in about["bad"]],
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(f"{ABOUT} cannot be read ({error})") from None

    @property
    def bad(self) -> list[BadPicture]:
        """The pictures of the source that are not in the store, since they cannot be used."""
        return self.about["bad"]

    @property
    def values(self) -> ValueRange | None:
        """The range of the values of the files; None without levels, and for a store of an earlier version."""
        values = self.about.get("values")
        return None if values is None else ValueRange(**values)

    @cached_property
    def arrays(self) -> Arrays:
        """The pictures, memory-mapped, and their labels. Raises `UsageError` if a file has the wrong size."""
        shape = self.about["shape"]
        labelled = "labels" in self.about["digests"]
        for name, size in ((IMAGES, self.nbytes), *([(LABELS, 8 * shape[0])] if labelled else [])):
            found = (self.path / name).stat().st_size if (self.path / name).exists() else 0
            if found != size:
                raise self._damaged(f"{name} has {found:,} bytes, expected {size:,}")
        images = np.memmap(self.path / IMAGES, self.about["dtype"], "r", shape=shape)
        return Arrays(images, np.fromfile(self.path / LABELS, np.int64) if labelled else None)

    @property
    def nbytes(self) -> int:
        """The size of the pictures in bytes."""
        return int(np.prod(self.about["shape"])) * self.about["dtype"].itemsize

    def verify(self) -> None:
        """Read all files. Raises `UsageError` if a byte has changed since it was written."""
        _ = self.arrays
        for name, digest in self.about["digests"].items():
            if digest_of(self.path / f"{name}.bin") != digest:
                raise self._damaged(f"{name}.bin has changed since it was written")

    def _damaged(self, how: str) -> UsageError:
        return UsageError(
            f"[data] {self.path}: prepared pictures are damaged: {how}. "
            "Make them again with `genkit data prepare RECIPE`."
        )


def write_about(
    folder: Path,
    source: Source,
    transform: Transform,
    shape: Sequence[int],
    bad: Sequence[BadPicture],
    digests: dict[str, str],
    values: ValueRange,
) -> None:
    """Write about.json, the last file of a store.

    `digests` are those of images.bin and labels.bin, without suffix; `values` is the range of the values of the files,
    which is known if the transform has levels.
    """
    from PIL import __version__ as pillow

    about = {
        "source": source.where,
        "shape": list(shape),
        "dtype": transform.dtype.str,
        "transform": transform.as_dict(),
        "bad": [list(picture) for picture in bad],
        "digests": digests,
        "format": STORE_FORMAT,
        "pillow": pillow,
        **({} if transform.levels is None else {"values": vars(values)}),
    }
    write_file(folder / ABOUT, (json.dumps(about, indent=1) + "\n").encode("utf-8"))


def digest_of(path: Path) -> str:
    """Return the digest of the content of a file."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(READ_BLOCK):
            digest.update(block)
    return digest.hexdigest()
