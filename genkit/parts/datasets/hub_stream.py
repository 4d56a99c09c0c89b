"""Pictures of parquet files that need not fit on this disk: decoded when they are asked for, never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.noise import Noise
from genkit.core.types import Dataset, Samples
from genkit.errors import UsageError
from genkit.parts.datasets.base.image_set import samples
from genkit.parts.datasets.pictures.decode import NAMED, Bad, bad_pictures, decode, in_order
from genkit.parts.datasets.pictures.hf_datasets import columns, data_files, unmet_hub
from genkit.parts.datasets.pictures.parquet_stream import InFileOrder, ParquetStream, Window, open_parquet, pieces_of
from genkit.parts.datasets.pictures.source import Source, count
from genkit.parts.datasets.pictures.transform import Background, Crop, Filter, transform_of


@dataclass(frozen=True, kw_only=True)
class HubStream:
    """The pictures of an id on a hub, or of a folder of parquet files, shuffled a window at a time, without end."""

    hub: Annotated[str, Doc("an id, OWNER/NAME, or a folder of parquet files")]
    resolution: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt],
        Doc("of what the network sees: one number for a square, or [height, width]"),
    ]
    channels: Annotated[Literal[1, 3], Doc("grey or colour, whatever the pictures are")] = 3
    crop: Annotated[
        Crop, Doc('"none" distorts to the shape; "centre"; a centred box, N or [H, W]; or its four sides')
    ] = "none"
    filter: Annotated[Filter, Doc("of Pillow, antialiased where it shrinks")] = "bicubic"
    background: Annotated[Background, Doc("what shows through alpha: a level in 0..255, or [red, green, blue]")] = 255
    flip: Annotated[bool, Doc("mirror each training picture with probability 1/2, each time anew")] = False
    on_bad: Literal["refuse", "skip"] = (
        "refuse"  # of pictures that cannot be used; one that is skipped: the next instead
    )
    config: Annotated[str | None, Doc("which of several sets under one id")] = None
    column: Annotated[str | None, Doc("which column, if several have pictures")] = None
    window: Annotated[
        PositiveInt, Doc("pictures that are shuffled together; two windows are kept in memory, encoded")
    ] = 4096
    hold_out: Annotated[str, Doc("the split that is held out: a stream is not split by name")] = "test"
    split: Annotated[Literal["train", "test"], Doc("what is read; the test split is what is held out, always")] = (
        "train"
    )

    def __post_init__(self) -> None:
        _ = self.transform  # raises `ValueError` for a crop that is none

    @cached_property
    def transform(self) -> Any:
        """What each picture goes through."""
        return transform_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the network sees."""
        return self.transform.shape

    @property
    def size(self) -> int | None:
        """None for the train split, which begins again when it ends; the held-out split is counted."""
        return None if self.split == "train" else self.stream.total

    def unmet(self) -> tuple[str, ...]:
        """Name the folder that is absent. What an id has is known only when it is loaded."""
        return unmet_hub(self.hub)

    def held_out(self) -> Self:
        """Return the held-out split."""
        return self._test

    @cached_property
    def _test(self) -> Self:
        return self if self.split == "test" else replace(self, split="test")

    @cached_property
    def stream(self) -> ParquetStream:
        """The files of this split, of which only the footers have been read. Raises `UsageError`."""
        files = data_files(self.hub, self.config, self._name)
        try:
            import datasets

            with open_parquet(files[0]) as file:
                features = datasets.Features.from_arrow_schema(file.schema_arrow)
            pictures, labels = columns(features, self.where, self.column)
            return ParquetStream(pieces_of(files), pictures, labels, self.window)
        except UsageError:
            raise
        except Exception as error:  # no parquet, a network, a damaged file
            raise UsageError(
                f'[data] {self.where}: cannot be read as parquet: {error} A set of other files is read by "hub-images".'
            ) from error

    @cached_property
    def passed_over(self) -> dict[str, str]:
        """The pictures that others have stood for so far, each with the reason: what is yet to come is not known."""
        return {}

    @property
    def where(self) -> str:
        """The id or folder, and the split, as a message names them."""
        return f"hub = {self.hub!r}, split {self._name!r}"

    @property
    def _name(self) -> str:
        return "train" if self.split == "train" else self.hold_out

    def source(self) -> Source:
        """List one pass over this split, in the order of its files. Raises `UsageError`."""
        return InFileOrder(self.stream, self.where)

    def data_fingerprint(self) -> Mapping[str, Any]:
        """Return how many pictures a pass has, and a digest of what its order hangs on. Raises `UsageError`."""
        return {"samples": self.stream.total, "pieces_digest": self.stream.digest()}

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the pictures at these positions of the stream, (B,), as (B, C, H, W) in [0, 1], with their labels."""
        seed = noise.seed if self.split == "train" else None
        asked = [self.stream.at(position, seed) for position in indices.tolist()]
        with closing(in_order(self._usable, asked)) as found:
            pixels, places = zip(*found, strict=True)
        labels = [window.rows[place].label for (window, _), place in zip(asked, places, strict=True)]
        labelled = None if None in labels else np.asarray(labels)
        return samples(np.stack(pixels), labelled, noise, flip=self.flip and self.split == "train")

    def _usable(self, asked: tuple[Window, int]) -> tuple[np.ndarray, int]:
        """Return a picture and its place in the window: the next that can be used, where this one is to be skipped."""
        window, start = asked
        bad: list[Bad] = []
        for step in range(len(window.rows)):
            place = (start + step) % len(window.rows)
            made = decode(window, place, self.transform)
            if not isinstance(made, Bad):
                return made, place
            bad.append(made)
            if self.on_bad == "refuse":
                break
            self.passed_over[made.name] = made.reason
        raise bad_pictures(bad, len(window.rows), f"{self.where}, of this window")


def passed_over(*splits: Dataset) -> Iterator[str]:
    """Tell which pictures of a stream others have stood for."""
    for data in splits:
        if isinstance(data, HubStream) and data.passed_over:
            named = [f"\n  {name} {reason}" for name, reason in sorted(data.passed_over.items())]
            rest = [f"\n  and {len(named) - NAMED:,} more"] * (len(named) > NAMED)
            bad = count(len(named), "picture")
            yield f"{bad} of the {data.split} split passed over, as on_bad says:{''.join(named[:NAMED] + rest)}"
