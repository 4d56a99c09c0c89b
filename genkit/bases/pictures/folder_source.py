"""Source of the pictures in a folder and its sub-folders, in natural order.

The digest covers the name, size and modification time of each file, as rsync and make compare files, and the content of
a few files. To read all content would take as long as to prepare the pictures; the few files distinguish sets whose
files were all unpacked with the same time. The digest does not depend on where the folder is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genkit.bases.pictures.folder_walk import (
    is_run_folder,
    listing,
    natural_key,
    picture_folders,
    visible_files,
)
from genkit.bases.pictures.image_formats import ARRAY_OPENERS, OPENERS, is_image_file, open_image, suffix_of
from genkit.bases.pictures.source import count
from genkit.bases.pictures.unread import Unread, describe_other_files, describe_unread
from genkit.errors import UsageError
from genkit.storage.regular_file import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.bases.pictures.array_picture import ArrayPicture

DATA = "[data]"  # the table of a recipe, whose keys say what the files alone do not show
ARRAY_SUFFIXES = (".npy", ".npz")  # of files that may hold many pictures
DIGESTED_FILES = 16  # files whose content is part of the digest
DIGESTED_BYTES = 2**24  # of each of these files, from its start


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
    classes: tuple[str, ...] = ()
    """Names of sub-folders, in order; a label is an index into them."""
    others: Counter[str] = field(default_factory=Counter)
    """Number of files that are no pictures, by suffix."""
    unread: Unread | None = None
    """The part of a folder with splits that no split reads."""

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

    def file(self, index: int) -> Path:
        """Return the file of a picture."""
        return self.folder / self.files[index].name

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open the file."""
        return open_image(self.file(index))

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
                with open_regular(self.folder / self.files[index].name) as content:
                    digest.update(content.read(DIGESTED_BYTES))
            except OSError as error:
                digest.update(str(error.errno).encode())  # decoding reports the file
        return digest.hexdigest()

    def remarks(self) -> list[str]:
        """Return a line about pictures below the folder that no split reads, and one about other files if they prevail.

        Raises `UsageError`.
        """
        found = []
        if self.unread and (text := describe_unread(self.unread.pictures)):
            found.append(f"[data] {self.unread.folder}: {text}")
        if self.others.total() > len(self.files):
            text = describe_other_files(self.others)
            found.append(f"[data] {self.folder}: more other files than pictures are left out: {text}")
        return found

    def only(self, wanted: Callable[[str], bool]) -> FolderSource:
        """Return a source of the files for whose name `wanted` returns True."""
        return replace(self, files=tuple(file for file in self.files if wanted(file.name)))


def list_files(
    folder: Path,
    classes: Sequence[str] | None = None,
    place: str = DATA,
    *,
    arrays: bool = False,
    what: str = "picture",
) -> FolderSource:
    """List the pictures in a folder and its sub-folders, and follow links.

    `classes` are the names that labels index, by default the sub-folders with pictures. `place` is the recipe table or
    the option that names the folder; error messages start with it. With `arrays`, a .npy file is a picture.
    `what` is the name of the pictures in error messages.

    Raises `UsageError` if there is no picture.
    """
    if is_run_folder(folder):
        raise UsageError(f"{place} {folder}: a folder of a run or a trained model of genkit. Give a folder of data.")
    files: list[PictureFile] = []
    others = Counter[str]()
    arrays_of_pictures: list[str] = []
    with listing(folder, place):
        for entry, name in visible_files(folder):
            if not is_image_file(name, arrays=arrays):
                others[suffix_of(name)] += 1
                arrays_of_pictures += [name] * (suffix_of(name) in ARRAY_SUFFIXES)
                continue
            status = entry.stat(follow_symlinks=entry.is_file())
            files.append(PictureFile(name, status.st_size, status.st_mtime_ns))
        names = picture_folders(folder, arrays=arrays) if classes is None else classes
    if not files:
        found = f"no {what} among {count(others.total(), 'file')}" if others else f"no {what}"
        accepted = f"Accepted file suffixes: {', '.join(sorted([*OPENERS, *(ARRAY_OPENERS if arrays else ())]))}."
        declare = ""
        if others.keys() & ARRAY_OPENERS.keys():
            declare = " For .npy files, set window = [low, high] or percentiles."
            if place != DATA:
                declare = " A folder of .npy files needs a run whose [data] has window = [low, high] or percentiles."
        if arrays_of_pictures and place.startswith("--"):
            first = folder / min(arrays_of_pictures, key=natural_key)
            declare += f" A .npy or .npz that holds the {what}s is given as a file: {place} {first}."
        raise UsageError(f"{place} {folder}: {found}. {accepted}{declare}")
    files.sort(key=lambda file: natural_key(file.name))
    return FolderSource(folder, tuple(files), tuple(names), others)
