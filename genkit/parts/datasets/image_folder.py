"""A folder of pictures of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.pictures.folder_source import FolderSource, list_files, sub_folders
from genkit.parts.datasets.pictures.source import HELD_OUT_SHARE, Share, Source, split_by_name

TRAIN, HELD_OUT = "train", ("test", "val")  # names of sub-folders that are splits; the first that is there


@dataclass(frozen=True, kw_only=True)
class ImageFolder(PictureSet):
    """The pictures in a folder and below it. Sub-folders are classes; `train` and `test` or `val` are splits."""

    path: Annotated[Path, Doc("the folder")]
    hold_out: Annotated[
        Share | Path | None, Doc("a share, or a folder; by default test/ or val/ beside train/, or else 0.1")
    ] = None

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        return split_of_folder(
            self.path, self.split, self.hold_out, "Give a folder of pictures, of any sizes and kinds."
        )


def split_of_folder(path: Path, split: str, hold_out: float | Path | None, hint: str) -> Source:
    """Return the pictures of a folder that belong to a split; `hint` says how to get such a folder.

    Raises `UsageError` where it is absent, or has none.
    """
    folder = existing(path, hint)
    inner = sub_folders(folder)
    own = next((name for name in HELD_OUT if name in inner), None) if TRAIN in inner else None
    if isinstance(hold_out, float) and own:
        raise UsageError(
            f"[data] hold_out: {folder} is split already, into {TRAIN}/ and {own}/, so that no share is to be taken; "
            "leave hold_out out, or give the path of a folder."
        )

    train = folder / TRAIN if TRAIN in inner else folder
    if isinstance(hold_out, Path):
        test = existing(hold_out, "It is to hold the held-out pictures.")
        one, other = train.resolve(), test.resolve()
        if one == other or one in other.parents or other in one.parents:
            raise UsageError(
                f"[data] hold_out: {test} and {train}, which is trained on, have pictures in common. Put those that "
                "are to be held out into a folder beside the others."
            )
    elif own:
        test = folder / own
    else:
        return split_by_name(list_files(train), split, HELD_OUT_SHARE if hold_out is None else hold_out)
    return _labelled_alike(train, test, split)


def existing(path: Path, hint: str) -> Path:
    """Return the folder that a recipe names, as an absolute path. Raises `UsageError` if it is not there."""
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "is not there"
        raise UsageError(f"[data] path: the folder {folder} {found}. {hint}")
    return folder


def _labelled_alike(train: Path, test: Path, split: str) -> FolderSource:
    """List one of two folders; a class that one of them lacks has its number in both."""
    classes = list(dict.fromkeys([*sub_folders(train), *sub_folders(test)]))
    return list_files(test if split == "test" else train, classes)
