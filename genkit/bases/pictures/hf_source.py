"""Source of the pictures in a table of the `datasets` library; a picture stays encoded until it is opened."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.bases.pictures.image_formats import open_image, open_with_pillow
from genkit.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.bases.pictures.array_picture import ArrayPicture


@dataclass(frozen=True, eq=False)
class HFSource:
    """The pictures of one split of a data set; the name of a picture is its row."""

    hub: str
    split: str
    table: Any  # a datasets.Dataset whose pictures are still encoded
    column: str
    label_column: str | None
    unread: tuple[str, ...] = ()  # the other splits of the data set that neither training nor evaluation reads

    @property
    def where(self) -> str:
        """The hub id or folder, and the split."""
        return f"hub = {self.hub!r}, split {self.split!r}"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.table)

    def name(self, index: int) -> str:
        """Return ``row 7``."""
        return f"row {index}"

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open the picture of a row."""
        return open_encoded(self.table[index][self.column])

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The column of labels, (N,) int64; None also if a label is missing, since the column then holds floats."""
        if self.label_column is None:
            return None
        labels = np.asarray(self.table.with_format("numpy")[self.label_column][:])
        return labels.astype(np.int64) if labels.dtype.kind in "iu" else None

    def column_values(self, name: str) -> list[Any]:
        """Return a column of the table, in the order of its rows. Raises `UsageError` if there is none of that name."""
        if name not in self.table.column_names:
            raise UsageError(f"[data] {self.where}: no column {name!r}; it has {', '.join(self.table.column_names)}.")
        return list(self.table[name])

    def digest(self) -> str:
        """Return a digest of the fingerprint that the library keeps, and of the names of the columns."""
        text = f"{self.table._fingerprint} {len(self)} {self.column} {self.label_column}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def open_encoded(encoded: Any) -> Image | ArrayPicture:
    """Open a picture as the library stores it, ``{"bytes": ..., "path": ...}``.

    Raises `BadPictureError` if there are neither bytes nor a path.
    """
    if encoded is None or (encoded.get("bytes") is None and not encoded.get("path")):
        raise BadPictureError("no image data")
    if encoded.get("bytes") is None:
        return open_image(encoded["path"])
    return open_with_pillow(io.BytesIO(encoded["bytes"]))
