"""Pictures through the `datasets` library, of any set that has a column of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.pictures.hf_datasets import open_table, splits_of
from genkit.parts.datasets.pictures.source import HELD_OUT_SHARE, Share, Source, split_by_name

TRAIN, HELD_OUT = "train", ("test", "validation")  # names of splits; of the latter the first that there is


@dataclass(frozen=True, kw_only=True)
class HubImages(PictureSet):
    """The pictures of an id on a hub, or of a folder of Arrow or parquet files."""

    hub: Annotated[str, Doc("an id, OWNER/NAME, or a folder that `datasets` can open")]
    config: Annotated[str | None, Doc("which of several sets under one id")] = None
    column: Annotated[str | None, Doc("which column, if several have pictures")] = None
    hold_out: Annotated[
        Share | str | None, Doc('a share, or a split; by default "test", or "validation", or else 0.1')
    ] = None

    @property
    def library(self) -> str | None:
        """What the library is to open."""
        return self.hub

    def source(self) -> Source:
        """Open this split. Raises `UsageError`."""
        return split_of_hub(self.hub, self.split, self.config, self.column, self.hold_out)


def split_of_hub(
    hub: str, split: str, config: str | None, column: str | None, hold_out: float | str | None = None
) -> Source:
    """Return the pictures of a set that belong to "train" or "test". Raises `UsageError`."""
    splits = splits_of(hub, config)
    own = next((name for name in HELD_OUT if name in splits), None)
    if isinstance(hold_out, str):
        own = hold_out
    elif hold_out is not None and own is not None:
        raise UsageError(
            f"[data] hold_out: {hub} has a split of its own, {own!r}, so that no share is to be taken; leave hold_out "
            f"out, or name one of its splits: {', '.join(splits)}."
        )
    if own is not None:
        return open_table(hub, TRAIN if split == "train" else own, config, column)
    share = hold_out if isinstance(hold_out, float) else HELD_OUT_SHARE
    return split_by_name(open_table(hub, TRAIN, config, column), split, share)
