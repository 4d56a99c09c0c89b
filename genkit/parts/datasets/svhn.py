"""SVHN: 73,257 digits of house numbers to train on and 26,032 to test, colour, 32 x 32.

Netzer, Wang, Coates, Bissacco, Wu & Ng 2011, "Reading Digits in Natural Images with Unsupervised Feature Learning",
http://ufldl.stanford.edu/housenumbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.core.field_types import PositiveInt
from genkit.parts.datasets.base.folder_or_hub import FolderOrHub


@dataclass(frozen=True, kw_only=True)
class SVHN(FolderOrHub):
    """The cropped digits of SVHN."""

    resolution: PositiveInt | tuple[PositiveInt, PositiveInt] = (
        32  # of what the network sees; that of the pictures themselves
    )

    EXAMPLE: ClassVar[str] = "ufldl-stanford/svhn"
    CONFIG: ClassVar[str | None] = "cropped_digits"
    HINT: ClassVar[str] = (
        "genkit fetches no data, and does not read the .mat files of the authors: write the cropped digits as pictures "
        'into train/ and test/ there, or write hub = "ufldl-stanford/svhn" instead of path.'
    )
