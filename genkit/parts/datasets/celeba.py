"""CelebA: 202,599 faces, aligned, 178 x 218 pixels, with the split of its authors.

Liu, Luo, Wang & Tang 2015, "Deep Learning Face Attributes in the Wild", https://arxiv.org/abs/1411.7766.

The published loaders of introspective VAEs resize the whole picture to a square, aspect distorted, which is ``crop =
"none"``. Deviation: they train on the first 162,770 names of an unsorted directory listing, or on every picture, test
pictures included; here the official split decides. Its 19,867 validation pictures belong to neither side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.image_folder import existing
from genkit.parts.datasets.pictures.folder_source import list_files
from genkit.parts.datasets.pictures.source import Source

PARTITION = "list_eval_partition.txt"
PARTS = {"train": "0", "test": "2"}  # "1" is for validation
FIRST_VALIDATION, FIRST_TEST = 162_771, 182_638  # numbers of pictures; what the official file says of them
HINT = (
    "genkit fetches no data: get the file img_align_celeba.zip from its authors' page (search for CelebA) and unpack "
    f"it there. {PARTITION} may lie in the folder or beside it."
)


@dataclass(frozen=True, kw_only=True)
class CelebA(PictureSet):
    """The aligned faces of CelebA, split as by their authors."""

    path: Annotated[Path, Doc("the folder of the aligned pictures, img_align_celeba")]

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        folder = existing(self.path, HINT)
        files = list_files(folder)
        part_of = _partition(folder)
        chosen = files.only(lambda name: part_of(name.rpartition("/")[2]) == PARTS[self.split])
        if not chosen.files:
            raise UsageError(
                f"[data] {folder}: of {len(files):,} pictures none belongs to the official {self.split} split. For a "
                'part of CelebA use "image-folder", which holds out a share by name.'
            )
        return chosen


def _partition(folder: Path) -> Callable[[str], str | None]:
    """Return the part that a file name belongs to, by the official file or, where it is absent, by number."""
    path = next((path for path in (folder / PARTITION, folder.parent / PARTITION) if path.is_file()), None)
    if path is None:
        return _by_number
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        part_of = {name.partition(".")[0]: part for name, part in lines}
        return lambda name: part_of.get(name.partition(".")[0])  # .jpg in the file, and .png in the lossless version
    except (OSError, ValueError) as error:
        raise UsageError(
            f"[data] {path}: cannot be read ({error}); expected a name and 0, 1 or 2 on each line. Get the file again, "
            "or delete it: the pictures are then split by their numbers."
        ) from None


def _by_number(name: str) -> str:
    stem = name.partition(".")[0]
    if not (stem.isascii() and stem.isdigit()):
        raise UsageError(
            f"[data] {name} is no name of CelebA, which numbers its pictures (000001.jpg), and there is no "
            f'{PARTITION}. For other faces use "image-folder".'
        )
    number = int(stem)
    return "0" if number < FIRST_VALIDATION else "1" if number < FIRST_TEST else "2"
