"""A folder of image files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.api import Doc, LevelledSet
from genkit.api.pictures import GroupsKey, Share, Source, check_groups, split_of_folder


@dataclass(frozen=True, kw_only=True)
class ImageFolder(LevelledSet):
    """The pictures in a folder and its sub-folders; with declared levels also the .npy files there.

    Sub-folders are classes. If there are sub-folders `train` and `test`, `val`, `valid` or `validation`, these are the
    splits.
    """

    path: Annotated[Path, Doc("Folder of the pictures.")]
    hold_out: Annotated[
        Share | Path | None,
        Doc(
            "Share of the pictures that is held out by name, or a folder with the held-out pictures; "
            "by default test/, val/, valid/ or validation/ beside train/, or else a share of 0.1."
        ),
    ] = None
    groups: GroupsKey = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_groups(self.groups, self.hold_out)

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        return split_of_folder(
            self.path,
            self.split,
            self.hold_out,
            "Give a folder of pictures, of any sizes and formats.",
            arrays=self.levels is not None,
            groups=self.groups,
        )
