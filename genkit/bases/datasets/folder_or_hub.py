"""Base class of published picture sets that are read from a folder, or through the `datasets` library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from genkit.bases.datasets.picture_keys import HubKey, check_one_place
from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.pictures.folder_splits import split_of_folder
from genkit.bases.pictures.hub_folder import is_folder
from genkit.bases.pictures.hub_splits import split_of_hub
from genkit.bases.pictures.source import Share, Source
from genkit.core.field_types import Doc


@dataclass(frozen=True, kw_only=True)
class FolderOrHub(PictureSet):
    """The pictures of a folder (`path`) or of a hub id (`hub`). Raises `ValueError` unless exactly one is given."""

    path: Annotated[
        Path | None, Doc("Folder of the pictures; its sub-folders train/ and test/ (or val/) are the splits.")
    ] = None
    hub: HubKey = None
    hold_out: Annotated[
        Share | None,
        Doc("Share of the pictures that is held out by name if the set has no test split; 0.1 by default."),
    ] = None

    EXAMPLE: ClassVar[str]  # a hub id of the set
    CONFIG: ClassVar[str | None]  # the configuration of the set under that id
    HINT: ClassVar[str]  # how to get a folder of the set

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_place(self.path, self.hub, "a folder of pictures", self.EXAMPLE)

    @property
    def library(self) -> str | None:
        """The hub id or folder that the library opens; None for a folder of pictures."""
        return self.hub

    def source(self) -> Source:
        """List this split. Raises `UsageError`."""
        if self.path is not None:
            return split_of_folder(self.path, self.split, self.hold_out, self.HINT)
        config = None if is_folder(str(self.hub)) else self.CONFIG
        return split_of_hub(str(self.hub), self.split, config, None, self.hold_out)
