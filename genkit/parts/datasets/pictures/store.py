"""Prepared pictures on disk: plain bytes behind a memory map, read at memory speed and in constant memory.

CACHE/pictures/3f0c.../
    images.bin    (N, C, H, W) uint8
    labels.bin    (N,) int64, where there are classes
    about.json    what it was made from, by what transform, what was left out, and the digests of the two

A store is known by a fingerprint of its source and its transform, appears under that name when it is whole, and never
changes. So it may be deleted at any time, and is made again when it is next asked for.
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

from genkit.errors import UsageError
from genkit.parts.datasets.base.image_set import Arrays
from genkit.parts.datasets.pictures.decode import Bad
from genkit.parts.datasets.pictures.source import Source
from genkit.parts.datasets.pictures.transform import Transform

FORMAT = 2  # of the files, and of what the transform does: a change of either makes other bytes
IMAGES, LABELS, ABOUT = "images.bin", "labels.bin", "about.json"
REMEDY = "`genkit data prepare RECIPE` makes it anew."
BLOCK = 1 << 22


def fingerprint(source: Source, transform: Transform) -> str:
    """Return the name of the store of these pictures."""
    facts = {"format": FORMAT, "source": source.digest(), "number": len(source), "transform": transform.facts()}
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Store:
    """A whole store."""

    path: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the store says of itself. Raises `UsageError` where that cannot be read."""
        try:
            about = json.loads((self.path / ABOUT).read_text(encoding="utf-8"))
            return {**about, "shape": tuple(about["shape"]), "bad": [Bad(*bad) for bad in about["bad"]]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self.damaged(f"{ABOUT} cannot be read ({error})") from None

    @property
    def bad(self) -> list[Bad]:
        """The pictures of the source that are not in the store."""
        return self.about["bad"]

    @cached_property
    def arrays(self) -> Arrays:
        """The pictures, memory-mapped, and their labels. Raises `UsageError` where a file has not its size."""
        shape = self.about["shape"]
        labelled = "labels" in self.about["digests"]
        for name, size in ((IMAGES, int(np.prod(shape))), *([(LABELS, 8 * shape[0])] if labelled else [])):
            found = (self.path / name).stat().st_size if (self.path / name).exists() else 0
            if found != size:
                raise self.damaged(f"{name} has {found:,} bytes, expected {size:,}")
        images = np.memmap(self.path / IMAGES, np.uint8, "r", shape=shape)
        return Arrays(images, np.fromfile(self.path / LABELS, np.int64) if labelled else None)

    @property
    def nbytes(self) -> int:
        """The size of the pictures."""
        return int(np.prod(self.about["shape"]))

    def verify(self) -> None:
        """Read all of it. Raises `UsageError` unless every byte is as it was written."""
        _ = self.arrays
        for name, digest in self.about["digests"].items():
            if digest_of(self.path / f"{name}.bin") != digest:
                raise self.damaged(f"{name}.bin has changed since it was written")

    def damaged(self, how: str) -> UsageError:
        """Return the error of a store that is not as it was written."""
        return UsageError(f"[data] {self.path}: these prepared pictures are damaged: {how}. {REMEDY}")


def write_about(
    folder: Path,
    source: Source,
    transform: Transform,
    shape: Sequence[int],
    bad: Sequence[Bad],
    digests: dict[str, str],
) -> None:
    """Write the last file of a store."""
    from PIL import __version__ as pillow

    about = {
        "source": source.where,
        "shape": list(shape),
        "transform": transform.facts(),
        "bad": [list(each) for each in bad],
        "digests": digests,
        "format": FORMAT,
        "pillow": pillow,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def digest_of(path: Path) -> str:
    """Return the digest of a file's bytes."""
    made = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            made.update(block)
    return made.hexdigest()
