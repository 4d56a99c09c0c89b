"""SVHN: 73,257 training and 26,032 test images of digits in house numbers, colour, 32 x 32.

Netzer, Wang, Coates, Bissacco, Wu & Ng 2011, "Reading Digits in Natural Images with Unsupervised Feature Learning",
http://ufldl.stanford.edu/housenumbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.api import FolderOrHub
from genkit.api.pictures import ResolutionKey


@dataclass(frozen=True, kw_only=True)
class SVHN(FolderOrHub):
    """The cropped digits of SVHN."""

    resolution: ResolutionKey = 32

    EXAMPLE: ClassVar[str] = "ufldl-stanford/svhn"
    CONFIG: ClassVar[str | None] = "cropped_digits"
    HINT: ClassVar[str] = (
        "genkit does not download data, and does not read the .mat files of the authors. Save the cropped digits as "
        'pictures in train/ and test/ there, or set hub = "ufldl-stanford/svhn" instead of path.'
    )
