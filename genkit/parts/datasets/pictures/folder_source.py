"""A folder of pictures as a source: what lies in it and below, in natural order, each file with its size and time.

The digest is of names, sizes and times of change, as rsync and make compare files, and of the content of a few of them:
to read every byte would take as long as to prepare the pictures, and a set that was unpacked with one time for all of
its files is still told from another. It does not depend on where the folder lies.
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

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2")
)
READ = 16  # files whose content is part of the digest


class PictureFile(NamedTuple):
    """A file that should be a picture."""

    name: str  # below the folder, with / on every system
    size: int  # bytes
    changed: int  # nanoseconds since the epoch


@dataclass(frozen=True)
class FolderSource:
    """The pictures in a folder and below it."""

    folder: Path
    files: tuple[PictureFile, ...]
    classes: tuple[str, ...] = ()  # names of sub-folders, in order; a label is the place in it
    others: int = 0  # files that do not end like a picture

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def __len__(self) -> int:
        """The number of files."""
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the path below the folder."""
        return self.files[index].name

    def picture(self, index: int) -> Image:
        """Open the file."""
        from PIL import Image

        return Image.open(self.folder / self.files[index].name)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The sub-folder of each picture, (N,) int64; None unless all of them lie in one."""
        number = {name: index for index, name in enumerate(self.classes)}
        labels = [number.get(file.name.partition("/")[0], -1) if "/" in file.name else -1 for file in self.files]
        return None if -1 in labels else np.asarray(labels, np.int64)

    def digest(self) -> str:
        """Return a digest of names, sizes, times and labels, and of the content of a few files."""
        made = hashlib.blake2b(digest_size=16)
        for file in self.files:
            made.update(f"{file.name}\0{file.size}\0{file.changed}\n".encode("utf-8", "surrogateescape"))
        made.update(b"" if self.labels is None else self.labels.tobytes())
        for index in np.unique(np.linspace(0, len(self.files) - 1, READ).astype(int)) if self.files else ():
            try:
                made.update((self.folder / self.files[index].name).read_bytes())
            except OSError as error:
                made.update(str(error.errno).encode())  # a file that cannot be read is told of when it is decoded
        return made.hexdigest()

    def only(self, wanted: Callable[[str], bool]) -> FolderSource:
        """Return the files whose name is wanted."""
        return FolderSource(
            self.folder, tuple(file for file in self.files if wanted(file.name)), self.classes, self.others
        )


def list_files(folder: Path, classes: Sequence[str] | None = None, asked_by: str = "[data]") -> FolderSource:
    """List a folder and what is below it; links are followed. Raises `UsageError` if there is no picture.

    `classes` are the names that labels count; those of the sub-folders unless given. A message begins with `asked_by`.
    """
    found, others = [], 0
    try:
        for entry, name in _walk(str(folder), "", set()):
            if os.path.splitext(name)[1].lower() not in SUFFIXES:
                others += 1
                continue
            status = entry.stat(follow_symlinks=entry.is_file())
            found.append(PictureFile(name, status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise UsageError(f"{asked_by} {folder}: cannot be listed: {error.strerror} ({error.filename}).") from None
    if not found:
        beside = f", but {others} other file{'s' * (others != 1)}" if others else ""
        endings = ", ".join(sorted(SUFFIXES))
        raise UsageError(f"{asked_by} {folder}: holds no picture{beside}. A picture is a file that ends in {endings}.")
    files = tuple(sorted(found, key=lambda file: (natural(file.name), file.name)))
    return FolderSource(folder, files, tuple(sub_folders(folder) if classes is None else classes), others)


def sub_folders(folder: Path) -> list[str]:
    """Return the names of the visible folders in a folder, in natural order. Raises `UsageError`."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()), key=natural)
    except OSError as error:
        raise UsageError(f"[data] {folder}: cannot be listed: {error.strerror}.") from None


def natural(name: str) -> list[str | int]:
    """Return a key by which 9.png comes before 10.png."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]


def _walk(folder: str, prefix: str, above: set[str]) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield visible files with their names below the first folder. A link to a folder above ends there."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # .DS_Store, ._0001.jpg and the like
                continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", above | {real})
            elif entry.is_file() or entry.is_symlink():  # a link to nothing is a picture that is missed
                yield entry, f"{prefix}{entry.name}"
