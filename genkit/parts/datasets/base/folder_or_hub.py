"""A published set that people hold as a folder of pictures, or load through the `datasets` library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from genkit.core.field_types import Doc
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.hub_images import split_of_hub
from genkit.parts.datasets.image_folder import split_of_folder
from genkit.parts.datasets.pictures.hf_datasets import is_folder
from genkit.parts.datasets.pictures.source import Share, Source


@dataclass(frozen=True, kw_only=True)
class FolderOrHub(PictureSet):
    """The pictures of a folder (`path`) or of the `datasets` library (`hub`), exactly one of them."""

    path: Annotated[Path | None, Doc("a folder of pictures; train/ and test/ or val/ in it are splits")] = None
    hub: Annotated[str | None, Doc("an id, or a folder that `datasets` can open")] = None
    hold_out: Annotated[Share | None, Doc("a share held out by name, where there is no split; 0.1 by default")] = None

    EXAMPLE: ClassVar[str]  # an id that has the set
    CONFIG: ClassVar[str | None]  # which of the sets under that id
    HINT: ClassVar[str]  # how to get a folder of it

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one(self.path, self.hub, "of pictures", self.EXAMPLE)

    @property
    def library(self) -> str | None:
        """What the library is to open, where it is not a folder of pictures."""
        return self.hub

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        if self.path is not None:
            return split_of_folder(self.path, self.split, self.hold_out, self.HINT)
        config = None if is_folder(str(self.hub)) else self.CONFIG
        return split_of_hub(str(self.hub), self.split, config, None, self.hold_out)


def check_one(path: Path | None, hub: str | None, folder: str, example: str) -> None:
    """Raise `ValueError` unless exactly one of `path` and `hub` is given."""
    if (path is None) == (hub is None):
        found = "neither path nor hub is given" if path is None else "both path and hub are given"
        raise ValueError(f'{found}; write path = "FOLDER" ({folder}) or hub = "{example}"')
