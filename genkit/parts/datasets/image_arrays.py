"""Pictures in a NumPy file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.api import Doc, LevelledSet, UsageError, user_path
from genkit.api.pictures import (
    HELD_OUT_SHARE,
    GroupsKey,
    Layout,
    Share,
    Source,
    check_groups,
    read_array,
    read_groups,
    split_by_group,
    split_by_name,
)


@dataclass(frozen=True, kw_only=True)
class ImageArrays(LevelledSet):
    """The rows of an array of uint8, of float values in [0, 1], or with declared levels of any numbers."""

    path: Annotated[Path, Doc("The .npy or .npz file with the pictures.")]
    array: Annotated[
        str | None, Doc("Name of the array with the pictures in a .npz; needed only if several arrays could be it.")
    ] = None
    labels: Annotated[
        str | None,
        Doc('Name of an array of labels in the .npz, or a .npy file of labels; by default the array "labels", if any.'),
    ] = None
    layout: Annotated[
        Layout | None,
        Doc('Order of the dimensions of the array; needed only if its shape fits both "NHWC" and "NCHW".'),
    ] = None
    hold_out: Annotated[
        Share | Path | None,
        Doc("Share of the rows that is held out, or another such file with the held-out pictures; 0.1 by default."),
    ] = None
    groups: GroupsKey = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_groups(self.groups, self.hold_out)

    def source(self) -> Source:
        """Open this split. Raises `UsageError`."""
        if isinstance(self.hold_out, Path):
            return self._read(self.path, "path") if self.split == "train" else self._read(self.hold_out, "hold_out")
        rows = self._read(self.path, "path")
        if self.groups is not None:
            numbers, groups = [str(row) for row in range(len(rows))], read_groups(self.groups)
            return split_by_group(rows, numbers, groups, self.split, self.hold_out, "the number of the row, from 0")
        return split_by_name(rows, self.split, HELD_OUT_SHARE if self.hold_out is None else self.hold_out)

    def _read(self, path: Path, key: str) -> Source:
        file = user_path(path).absolute()
        if not file.is_file():
            raise UsageError(f"[data] {key}: file {file} not found. Give a .npy or .npz file with pictures.")
        return read_array(file, self.array, self.labels, self.layout, any_range=self.levels is not None)
