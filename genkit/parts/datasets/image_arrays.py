"""Pictures in a NumPy file of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.pictures.array_source import Layout, read_array
from genkit.parts.datasets.pictures.source import HELD_OUT_SHARE, Share, Source, split_by_name


@dataclass(frozen=True, kw_only=True)
class ImageArrays(PictureSet):
    """The rows of an array: uint8, or float numbers in [0, 1]."""

    path: Annotated[Path, Doc("a .npy, or a .npz")]
    array: Annotated[str | None, Doc("which array of a .npz, if several might be pictures")] = None
    labels: Annotated[
        str | None, Doc('an array of the .npz, or a .npy file; by default the array "labels", where there is one')
    ] = None
    layout: Annotated[Layout | None, Doc('of the array, where "NHWC" and "NCHW" might both be meant')] = None
    hold_out: Annotated[Share | Path | None, Doc("a share, 0.1 by default, or another such file")] = None

    def source(self) -> Source:
        """Open this split. Raises `UsageError`."""
        if isinstance(self.hold_out, Path):
            return self._read(self.path if self.split == "train" else self.hold_out)
        share = HELD_OUT_SHARE if self.hold_out is None else self.hold_out
        return split_by_name(self._read(self.path), self.split, share)

    def _read(self, path: Path) -> Source:
        file = path.expanduser().absolute()
        if not file.is_file():
            raise UsageError(f"[data] path: the file {file} is not there. Give a .npy or .npz with pictures.")
        return read_array(file, self.array, self.labels, self.layout)
