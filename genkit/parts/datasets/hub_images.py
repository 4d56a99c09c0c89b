"""Pictures of any data set that the `datasets` library can open and that has a column of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from genkit.api import Doc, LevelledSet
from genkit.api.pictures import ColumnKey, ConfigKey, Share, Source, split_of_hub


@dataclass(frozen=True, kw_only=True)
class HubImages(LevelledSet):
    """The pictures of a hub id, or of a folder of Arrow or parquet files."""

    hub: Annotated[str, Doc("Hub id, OWNER/NAME, or a folder that the `datasets` library can open.")]
    config: ConfigKey = None
    column: ColumnKey = None
    hold_out: Annotated[
        Share | str | None,
        Doc(
            "Share of the pictures that is held out by row, or the name of the held-out split; "
            'by default the split "test", "val", "valid" or "validation", or else a share of 0.1.'
        ),
    ] = None

    groups: Annotated[
        str | None,
        Doc(
            "Column with the group of each picture, such as a patient: all pictures of a group are in one split. "
            "hold_out is then a share of the groups, chosen by their names; named splits are checked."
        ),
    ] = None

    @property
    def library(self) -> str | None:
        """The data set that the library opens."""
        return self.hub

    def source(self) -> Source:
        """Open this split. Raises `UsageError`."""
        return split_of_hub(self.hub, self.split, self.config, self.column, self.hold_out, self.groups)
