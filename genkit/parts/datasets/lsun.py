"""LSUN: photographs of one class of scene, such as classrooms, in many sizes.

Yu, Seff, Zhang, Song, Funkhouser & Xiao 2015, "LSUN: Construction of a Large-scale Image Dataset using Deep Learning
with Humans in the Loop", https://arxiv.org/abs/1506.03365. Deviation: the published loader resizes float tensors;
genkit resizes bytes with Pillow, and the filter that the recipe sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.api import FolderOrHub


@dataclass(frozen=True, kw_only=True)
class LSUN(FolderOrHub):
    """The pictures of one class of LSUN."""

    EXAMPLE: ClassVar[str] = "pcuenq/lsun-bedrooms"
    CONFIG: ClassVar[str | None] = None
    HINT: ClassVar[str] = (
        "genkit does not download data. Download a class from the page of LSUN's authors (search for LSUN scene "
        "classification) and export the pictures of its lmdb there with their script, or set hub instead of path."
    )
