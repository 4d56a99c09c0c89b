"""A table of the `datasets` library as a source of pictures, which stay encoded until one is asked for."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.parts.datasets.pictures.source import BadPicture

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class HFSource:
    """The pictures of one split of a set, a source; the name of one is its row."""

    hub: str
    split: str
    table: Any  # a datasets.Dataset whose pictures are left encoded
    column: str
    label_column: str | None

    @property
    def where(self) -> str:
        """The id or folder, and the split."""
        return f"hub = {self.hub!r}, split {self.split!r}"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.table)

    def name(self, index: int) -> str:
        """Return ``row 7``."""
        return f"row {index}"

    def picture(self, index: int) -> Image:
        """Open the picture of a row."""
        return open_encoded(self.table[index][self.column])

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The column of labels; None as well where some are missing, which makes float numbers of them."""
        if self.label_column is None:
            return None
        labels = np.asarray(self.table.with_format("numpy")[self.label_column][:])
        return labels.astype(np.int64) if labels.dtype.kind in "iu" else None

    def digest(self) -> str:
        """Return a digest of the library's own fingerprint, and of which columns are read."""
        text = f"{self.table._fingerprint} {len(self)} {self.column} {self.label_column}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def open_encoded(held: Any) -> Image:
    """Open a picture as the library holds it: its bytes, or a path. Raises `BadPicture` where there is none."""
    from PIL import Image

    if held is None or (held.get("bytes") is None and not held.get("path")):
        raise BadPicture("is empty")
    return Image.open(held["path"] if held.get("bytes") is None else io.BytesIO(held["bytes"]))
