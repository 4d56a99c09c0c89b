"""Inspection of the pictures of a split: decode all of them, count sizes and formats, and find bad and equal ones.

Nothing is written.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import BadPicture
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.folder_source import FolderSource
from genkit.bases.pictures.group_split import GroupSubset
from genkit.bases.pictures.hf_source import HFSource
from genkit.bases.pictures.listed_pictures import ListedPictures
from genkit.bases.pictures.source import Source, Subset
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.value_range import ValueRange
from genkit.console.output import progress_count

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN = 5  # the most frequent sizes for which the report says what the transform does
EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


class DecodedPicture(NamedTuple):
    """Facts about one picture."""

    size: tuple[int, int]  # width and height in pixels, turned upright
    mode: str  # of Pillow
    format: str  # of Pillow; "none" for a picture that is not from a file
    digest: bytes  # of the bytes after the transform
    values: ValueRange | None  # of the file, if the recipe declares levels


RARE = 2  # pictures of one size or mode whose names are reported


@dataclass
class PictureReport:
    """Facts about the pictures of one split."""

    split: str
    where: str
    number: int  # of pictures, including bad ones
    others: int = 0  # files without the suffix of an image
    other_suffixes: Counter[str] = field(default_factory=Counter)  # of these files
    unread: Counter[str] = field(default_factory=Counter)  # pictures that no split reads, by sub-folder
    unread_splits: list[str] = field(default_factory=list)  # of a hub id, which are neither trained on nor held out
    classes: int | None = None
    groups: int | None = None
    rows_without_picture: int = 0  # of the CSV file of groups
    values: ValueRange | None = None  # if the recipe declares levels
    unfit: str = ""  # why the levels may be those of other pictures
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    bad: list[BadPicture] = field(default_factory=list)
    alike: list[tuple[str, str]] = field(default_factory=list)  # names of pictures that are equal after the transform
    named_alike: list[tuple[str, str]] = field(default_factory=list)  # names equal but for the suffix, or upper case
    becomes: list[str] = field(default_factory=list)  # what the transform does to the most frequent sizes
    enlarged: int = 0  # pictures with less width or height than the network sees
    smallest: str = ""  # the name and size of the one with the fewest pixels among them
    rare: list[str] = field(default_factory=list)  # pictures whose size or mode at most `RARE` have, with it

    @property
    def usable(self) -> int:
        """The number of pictures that a run can use."""
        return self.number - len(self.bad)

    def as_dict(self) -> dict[str, Any]:
        """Return the report in the types of JSON."""
        return {
            **vars(self),
            "sizes": [{"width": w, "height": h, "number": n} for (w, h), n in self.sizes.most_common()],
            "bad": [bad._asdict() for bad in self.bad],
            "values": None if self.values is None else self.values.as_dict(),
        }


def inspect_pictures(data: ListedPictures, seen: dict[bytes, str]) -> PictureReport:
    """Decode every picture of a split and report on them.

    `seen` maps digests of pictures to their names. It holds those of the splits that were inspected before, and the
    pictures of this split are added. Raises `UsageError` if the split cannot be listed.
    """
    source = data.source()
    inspection = _Inspection(source, data.split, data.transform, seen)
    with (
        closing(map_in_threads(inspection.look, range(len(source)))) as pictures,
        progress_count(f"inspecting pictures of {source.where}", len(source)) as advance,
    ):
        for index, picture in enumerate(pictures):
            inspection.add(source.name(index), picture)
            advance(1)
    report = inspection.report
    report.rare = [*inspection.rare(report.sizes), *inspection.rare(report.modes)]
    if report.values is not None and data.transform.levels is not None:
        report.unfit = report.values.remark(data.transform.levels)
    report.becomes = [data.transform.describe(*size) for size, _ in report.sizes.most_common(SHOWN)]
    return report


class _Inspection:
    """Collects the facts about the pictures of one split; `look` may run in several threads, `add` in one."""

    def __init__(self, source: Source, split: str, transform: Transform, seen: dict[bytes, str]):
        self.report = PictureReport(split, source.where, len(source))
        self._source, self._transform, self._seen = source, transform, seen
        self._names: dict[str, str] = {}  # without suffix, in lower case -> the first such name
        self._fewest_pixels = math.inf
        self._first_names: dict[Hashable, list[str]] = {}  # of the pictures of a size or mode, at most `RARE`
        whole = source.source if isinstance(source, Subset) else source
        self._has_file_names = isinstance(whole, FolderSource)
        if isinstance(whole, FolderSource):
            self.report.others, self.report.other_suffixes = whole.others.total(), whole.others
            self.report.unread = whole.unread.pictures if whole.unread else Counter()
        if isinstance(whole, HFSource):
            self.report.unread_splits = list(whole.unread)
        if isinstance(source, GroupSubset):
            self.report.groups = source.numbers.groups[split]
            self.report.rows_without_picture = source.numbers.rows_without_picture
        if source.labels is not None:
            self.report.classes = len(set(source.labels.tolist()))

    def look(self, index: int) -> DecodedPicture | BadPicture:
        """Decode a picture."""
        return decode(self._source, index, self._examine)

    def add(self, name: str, picture: DecodedPicture | BadPicture) -> None:
        """Add a picture to the report."""
        if self._has_file_names:
            self._compare_name(name)
        if isinstance(picture, BadPicture):
            self.report.bad.append(picture)
            return
        self.report.sizes[picture.size] += 1
        self.report.modes[picture.mode] += 1
        self.report.formats[picture.format] += 1
        for kind in (picture.size, picture.mode):
            if len(names := self._first_names.setdefault(kind, [])) < RARE:
                names.append(name)
        if picture.values is not None:
            self.report.values = self.report.values or ValueRange()
            self.report.values.add(picture.values)
        self._compare_size(name, *picture.size)
        name_and_split = f"{name} ({self.report.split})"
        if (first := self._seen.setdefault(picture.digest, name_and_split)) != name_and_split:
            self.report.alike.append((first, name_and_split))

    def rare(self, kinds: Counter[Any]) -> Iterator[str]:
        """Yield the pictures of sizes or modes that at most `RARE` pictures have, unless all sizes or modes are so."""
        if max(kinds.values(), default=0) > RARE:
            for kind, number in kinds.items():
                shown = f"mode {kind}" if isinstance(kind, str) else f"{kind[0]} x {kind[1]}"
                yield from (f"{name}, {shown}" for name in self._first_names[kind] if number <= RARE)

    def _examine(self, picture: Image | ArrayPicture) -> DecodedPicture:
        mode, file_format = picture.mode, picture.format or "none"
        width, height = picture.size
        if not isinstance(picture, ArrayPicture) and picture.getexif().get(EXIF_ORIENTATION) in SIDEWAYS:
            width, height = height, width
        pixels, values = self._transform.measured(picture)
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
        return DecodedPicture((width, height), mode, file_format, digest, values)

    def _compare_name(self, name: str) -> None:
        bare = name.rpartition(".")[0].casefold() or name
        if (first := self._names.setdefault(bare, name)) != name:
            self.report.named_alike.append((first, name))

    def _compare_size(self, name: str, width: int, height: int) -> None:
        if width >= self._transform.width and height >= self._transform.height:
            return
        self.report.enlarged += 1
        if width * height < self._fewest_pixels:
            self._fewest_pixels, self.report.smallest = width * height, f"{name}, {width} x {height}"
