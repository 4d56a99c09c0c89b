"""Data sets whose pictures can be listed and decoded one by one, whatever class they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from genkit.bases.pictures.bad_pictures import BadPicture
    from genkit.bases.pictures.source import Source
    from genkit.bases.pictures.transform import Transform


@runtime_checkable
class ListedPictures(Protocol):
    """A data set of pictures that `genkit data check` decodes, such as a `PictureSet` or a stream."""

    @property
    def split(self) -> str:
        """The split that is listed, "train" or "test"."""
        ...

    @property
    def on_bad(self) -> Literal["refuse", "skip"]:
        """What happens to pictures that cannot be used."""
        ...

    @property
    def transform(self) -> Transform:
        """The transform of each picture."""
        ...

    def source(self) -> Source:
        """List the pictures of this split without decoding them. Raises `UsageError` if there is none."""
        ...


@runtime_checkable
class DecodesInBatches(Protocol):
    """A data set that decodes its pictures when a batch needs them, so that it finds bad ones while a run trains."""

    @property
    def split(self) -> str:
        """The split that is read, "train" or "test"."""
        ...

    def skipped_in_batches(self) -> list[BadPicture]:
        """Return the bad pictures that were skipped so far, by name; those at later positions are not known yet."""
        ...
