"""CelebA: 202,599 aligned faces, 178 x 218 pixels, in the split of its authors.

Liu, Luo, Wang & Tang 2015, "Deep Learning Face Attributes in the Wild", https://arxiv.org/abs/1411.7766.

The published loaders of introspective VAEs resize the whole picture to a square, which changes its aspect ratio; this
is ``crop = "none"``. Deviation: they train on the first 162,770 names of an unsorted directory listing, or on all
pictures, including test pictures. genkit uses the official split; its 19,867 validation pictures are in neither split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.api import Doc, PictureSet, UsageError
from genkit.api.pictures import Source, count, existing_folder, list_files

PARTITION = "list_eval_partition.txt"
PARTITION_VALUES = {"train": "0", "test": "2"}  # by split; "1" is validation
FIRST_VALIDATION, FIRST_TEST = 162_771, 182_638  # numbers of pictures, as in the official file
HINT = (
    "genkit does not download data. Download img_align_celeba.zip from the page of its authors (search for CelebA) and "
    f"unpack it there. {PARTITION} may be in the folder or beside it."
)


@dataclass(frozen=True, kw_only=True)
class CelebA(PictureSet):
    """The aligned faces of CelebA, in the split of the authors."""

    path: Annotated[Path, Doc("Folder of the aligned pictures, img_align_celeba.")]

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        folder = existing_folder(self.path, "path", HINT)
        files = list_files(folder)
        partition = _partition(folder)
        in_split = files.only(lambda name: partition(name.rpartition("/")[2]) == PARTITION_VALUES[self.split])
        if not in_split.files:
            raise UsageError(
                f"[data] {folder}: none of {count(len(files), 'picture')} belongs to the official {self.split} split. "
                'For a part of CelebA use "image-folder", which holds out a share by name.'
            )
        return in_split


def _partition(folder: Path) -> Callable[[str], str | None]:
    """Return a function from a file name to "0" (train), "1" (validation), "2" (test) or None.

    It reads the official file in the folder or beside it; without that file, the number in the name decides.
    """
    path = next((path for path in (folder / PARTITION, folder.parent / PARTITION) if path.is_file()), None)
    if path is None:
        return _by_number
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        values = {name.partition(".")[0]: value for name, value in lines}
        return lambda name: values.get(
            name.partition(".")[0]
        )  # the official file names .jpg, a lossless version has .png
    except (OSError, ValueError) as error:
        raise UsageError(
            f"[data] {path}: cannot be read ({error}); expected a name and 0, 1 or 2 on each line. Download it again, "
            "or delete it to split the pictures by their numbers."
        ) from None


def _by_number(name: str) -> str:
    stem = name.partition(".")[0]
    if not (stem.isascii() and stem.isdigit()):
        raise UsageError(
            f"[data] {name}: not a file name of CelebA (000001.jpg, ...), and {PARTITION} not found. "
            'For other faces use "image-folder".'
        )
    number = int(stem)
    return "0" if number < FIRST_VALIDATION else "1" if number < FIRST_TEST else "2"
