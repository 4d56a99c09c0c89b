"""Source of the pictures in a folder and its sub-folders, in natural order.

The digest covers the name, size and modification time of each file, as rsync and make compare files, and the content of
a few files. To read all content would take as long as to prepare the pictures; the few files distinguish sets whose
files were all unpacked with the same time. The digest does not depend on where the folder is.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.image_formats import OPENERS, is_image_file, open_image
from genkit.parts.datasets.pictures.source import count

if TYPE_CHECKING:
    from PIL.Image import Image

DIGESTED_FILES = 16  # files whose content is part of the digest


class PictureFile(NamedTuple):
    """A file with the suffix of an image."""

    name: str  # path below the folder, with / on every system
    size: int  # bytes
    changed: int  # modification time, nanoseconds since the epoch


@dataclass(frozen=True)
class FolderSource:
    """The pictures in a folder and its sub-folders."""

    folder: Path
    files: tuple[PictureFile, ...]
    classes: tuple[str, ...] = ()  # names of sub-folders, in order; a label is an index into them
    others: int = 0  # number of files without the suffix of an image

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the path below the folder."""
        return self.files[index].name

    def picture(self, index: int) -> Image:
        """Open the file."""
        return open_image(self.folder / self.files[index].name)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The index of each picture's sub-folder, (N,) int64; None unless every picture is in a sub-folder."""
        number = {name: index for index, name in enumerate(self.classes)}
        labels = [number.get(file.name.partition("/")[0], -1) if "/" in file.name else -1 for file in self.files]
        return None if -1 in labels else np.asarray(labels, np.int64)

    def digest(self) -> str:
        """Return a digest of all names, sizes, times and labels, and of the content of `DIGESTED_FILES` files."""
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(f"{file.name}\0{file.size}\0{file.changed}\n".encode("utf-8", "surrogateescape"))
        digest.update(b"" if self.labels is None else self.labels.tobytes())
        for index in np.unique(np.linspace(0, len(self.files) - 1, DIGESTED_FILES).astype(int)) if self.files else ():
            try:
                digest.update((self.folder / self.files[index].name).read_bytes())
            except OSError as error:
                digest.update(str(error.errno).encode())  # decoding reports the file
        return digest.hexdigest()

    def only(self, wanted: Callable[[str], bool]) -> FolderSource:
        """Return a source of the files for whose name `wanted` returns True."""
        return FolderSource(
            self.folder, tuple(file for file in self.files if wanted(file.name)), self.classes, self.others
        )


def list_files(folder: Path, classes: Sequence[str] | None = None, place: str = "[data]") -> FolderSource:
    """List the pictures in a folder and its sub-folders, and follow links.

    `classes` are the names that labels index, by default those of the sub-folders. `place` is the recipe table or the
    option that names the folder; error messages start with it. Raises `UsageError` if there is no picture.
    """
    files: list[PictureFile] = []
    others = 0
    try:
        for entry, name in _walk(str(folder), "", set()):
            if not is_image_file(name):
                others += 1
                continue
            status = entry.stat(follow_symlinks=entry.is_file())
            files.append(PictureFile(name, status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise UsageError(f"{place} {folder}: cannot be listed: {error.strerror} ({error.filename}).") from None
    if not files:
        found = f"no picture among {count(others, 'file')}" if others else "no picture"
        raise UsageError(f"{place} {folder}: {found}. Accepted file suffixes: {', '.join(sorted(OPENERS))}.")
    files.sort(key=lambda file: (natural_key(file.name), file.name))
    return FolderSource(folder, tuple(files), tuple(sub_folders(folder) if classes is None else classes), others)


def sub_folders(folder: Path) -> list[str]:
    """Return the names of the visible sub-folders, in natural order. Raises `UsageError`."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()), key=natural_key)
    except OSError as error:
        raise UsageError(f"[data] {folder}: cannot be listed: {error.strerror}.") from None


def natural_key(name: str) -> list[str | int]:
    """Return a sort key by which 9.png comes before 10.png."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]


def _walk(folder: str, prefix: str, above: set[str]) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield visible files with their path below the first folder. A link to a folder in `above` is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # .DS_Store, ._0001.jpg and the like
                continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", above | {real})
            elif entry.is_file() or entry.is_symlink():  # a broken link counts: decoding reports it as missing
                yield entry, f"{prefix}{entry.name}"
