"""Pictures of parquet files that need not fit on this disk: decoded when a batch needs them, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from torch import Tensor

from genkit.api import (
    Doc,
    KeysOnly,
    Noise,
    PositiveInt,
    Raw,
    Samples,
    UsageError,
    batch_in_two_steps,
    finished_images,
    raw_images,
)
from genkit.api.pictures import (
    BackgroundKey,
    BadPicture,
    ChannelsKey,
    ColumnKey,
    ConfigKey,
    CropKey,
    FileOrderSource,
    FilterKey,
    FlipKey,
    Levels,
    ParquetStream,
    PercentilesKey,
    ResolutionKey,
    Source,
    SplitKey,
    Transform,
    Window,
    WindowKey,
    bad_pictures_error,
    data_files,
    decode,
    find_columns,
    list_row_groups,
    map_in_threads,
    open_parquet,
    transform_of,
    unmet_hub,
)


@dataclass(frozen=True, kw_only=True)
class HubStream(KeysOnly):
    """The pictures of a hub id, or of a folder of parquet files, without end and shuffled a window at a time.

    Raises `ValueError` for an empty crop, and for levels that are no range or given twice.
    """

    hub: Annotated[str, Doc("Hub id, OWNER/NAME, or a folder of parquet files.")]
    resolution: ResolutionKey
    channels: ChannelsKey = 3
    crop: CropKey = "none"
    filter: FilterKey = "bicubic"
    background: BackgroundKey = 255
    flip: FlipKey = False
    on_bad: Annotated[
        Literal["refuse", "skip"],
        Doc(
            'What happens to pictures that cannot be used: "refuse" is an error, "skip" takes the next picture instead.'
        ),
    ] = "refuse"
    config: ConfigKey = None
    column: ColumnKey = None
    window: Annotated[
        PositiveInt,
        Doc("Least number of pictures that are shuffled together; two such windows are in memory, encoded."),
    ] = 4096
    value_window: Annotated[
        WindowKey,
        Doc(
            "Values in the units of the files that become black and white, [low, high]: the key window of other data "
            "sets, which here is a number of pictures."
        ),
    ] = None
    percentiles: PercentilesKey = None
    hold_out: Annotated[str, Doc("Name of the held-out split; a stream cannot hold out a share.")] = "test"
    split: SplitKey = "train"

    def __post_init__(self) -> None:
        _ = self.transform  # raises `ValueError` for an empty crop and for wrong levels

    @cached_property
    def levels(self) -> Levels | None:
        """The values that become black and white; None without the keys."""
        if self.value_window is None and self.percentiles is None:
            return None
        try:
            return Levels(self.value_window, self.percentiles)
        except ValueError as error:
            raise ValueError(str(error).replace("window", "value_window")) from None

    @cached_property
    def transform(self) -> Transform:
        """The transform of each picture."""
        return transform_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the images that the network sees, (C, H, W)."""
        return self.transform.shape

    @property
    def size(self) -> int | None:
        """The number of pictures in the held-out split; None for the train split, which starts again when it ends."""
        return None if self.split == "train" else self.stream.total

    def unmet(self) -> tuple[str, ...]:
        """Return a message if the folder is missing; for a hub id, nothing is known before it is loaded."""
        return unmet_hub(self.hub)

    def held_out(self) -> Self:
        """Return the held-out split, the same object each time."""
        return self._test

    @cached_property
    def _test(self) -> Self:
        return self if self.split == "test" else replace(self, split="test")

    @cached_property
    def stream(self) -> ParquetStream:
        """The files of this split; only their footers are read. Raises `UsageError`."""
        files = data_files(self.hub, self.config, self._split_name)
        try:
            import datasets

            with open_parquet(files[0]) as file:
                features = datasets.Features.from_arrow_schema(file.schema_arrow)
            pictures, labels = find_columns(features, self.where, self.column)
            return ParquetStream(list_row_groups(files), pictures, labels, self.window)
        except UsageError:
            raise
        except Exception as error:  # not a parquet file, the network, or a damaged file
            raise UsageError(
                f'[data] {self.where}: cannot be read as parquet: {error} Use "hub-images" for files of other formats.'
            ) from error

    def skipped_in_batches(self) -> list[BadPicture]:
        """Return the bad pictures that were skipped so far, by name; those at later positions are not known yet."""
        return [BadPicture(name, reason) for name, reason in sorted(self._skipped.items())]

    @cached_property
    def _skipped(self) -> dict[str, str]:
        return {}  # reason by name: every epoch skips the same pictures

    @property
    def where(self) -> str:
        """The hub id or folder, and the split, as messages name them."""
        return f"hub = {self.hub!r}, split {self._split_name!r}"

    @property
    def _split_name(self) -> str:
        return "train" if self.split == "train" else self.hold_out

    def source(self) -> Source:
        """List one epoch of this split, in the order of its files. Raises `UsageError`."""
        return FileOrderSource(self.stream, self.where)

    def data_fingerprint(self) -> Mapping[str, Any]:
        """Return the number of pictures in an epoch, and a digest of what their order depends on.

        Raises `UsageError`.
        """
        return {"samples": self.stream.total, "pieces_digest": self.stream.digest()}

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the pictures at these positions of the stream, (B,), as (B, C, H, W) in [0, 1], with their labels."""
        return batch_in_two_steps(self, indices, noise)

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Decode the pictures at these positions of the stream, (B,), and note those that were skipped."""
        seed = noise.seed if self.split == "train" else None
        asked = [self.stream.at(position, seed) for position in indices.tolist()]
        with closing(map_in_threads(self._decode_usable, asked)) as decoded:
            pixels, places, skipped = zip(*decoded, strict=True)
        labels = [window.rows[place].label for (window, _), place in zip(asked, places, strict=True)]
        all_labels = None if None in labels else np.asarray(labels)
        raw = raw_images(np.stack(pixels), all_labels, noise, flip=self.flip and self.split == "train")
        return raw._replace(notes={bad.name: bad.reason for each in skipped for bad in each})

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the pictures in [0, 1], (B, C, H, W), and their labels. Remember which pictures were skipped."""
        self._skipped.update(raw.notes)
        return finished_images(raw, noise)

    def _decode_usable(self, asked: tuple[Window, int]) -> tuple[np.ndarray, int, list[BadPicture]]:
        """Return a picture, its index in the window, and the bad pictures that were skipped before it.

        If a picture is to be skipped, the next usable one in the window replaces it.
        """
        window, start = asked
        bad: list[BadPicture] = []
        for step in range(len(window.rows)):
            place = (start + step) % len(window.rows)
            decoded = decode(window, place, self.transform)
            if not isinstance(decoded, BadPicture):
                return decoded, place, bad
            bad.append(decoded)
            if self.on_bad == "refuse":
                break
        raise bad_pictures_error(bad, len(window.rows), f"{self.where}, in one window")
