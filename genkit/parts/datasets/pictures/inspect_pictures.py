"""What a source of pictures holds, found by decoding all of it: nothing is written."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from genkit.console.output import progress_count
from genkit.parts.datasets.base.picture_set import PictureSet
from genkit.parts.datasets.hub_stream import HubStream
from genkit.parts.datasets.pictures.decode import Bad, decode, in_order
from genkit.parts.datasets.pictures.folder_source import FolderSource
from genkit.parts.datasets.pictures.source import Subset

if TYPE_CHECKING:
    from PIL.Image import Image

TURNED = (5, 6, 7, 8)  # EXIF orientations that swap the sides


class DecodedPicture(NamedTuple):
    """What is said of a picture."""

    size: tuple[int, int]  # width and height, as it is shown
    mode: str
    format: str
    digest: bytes  # of what the network sees


@dataclass
class PictureReport:
    """What one split holds."""

    split: str
    where: str
    number: int  # of pictures, bad ones included
    others: int = 0  # files that are no pictures
    classes: int | None = None
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    alike: list[tuple[str, str]] = field(default_factory=list)  # two names of what the network cannot tell apart
    named_alike: list[tuple[str, str]] = field(default_factory=list)  # names that differ in ending or case alone
    becomes: list[str] = field(default_factory=list)  # what the transform does to the commonest sizes
    enlarged: int = 0  # pictures with fewer pixels across or down than the network sees
    smallest: str = ""  # the name and size of the smallest of them

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            **vars(self),
            "sizes": [{"width": w, "height": h, "number": n} for (w, h), n in self.sizes.most_common()],
            "bad": [bad._asdict() for bad in self.bad],
        }


SHOWN = 5  # sizes whose way through the transform is told


def inspect_pictures(data: PictureSet | HubStream, seen: dict[bytes, str]) -> PictureReport:
    """Look at every picture of a split; `seen` is what the splits before have shown, and takes what this one shows."""
    source = data.source()
    found = PictureReport(data.split, source.where, len(source))
    listed = source.source if isinstance(source, Subset) else source
    if isinstance(listed, FolderSource):
        found.others = listed.others
    if source.labels is not None:
        found.classes = len(set(source.labels.tolist()))

    def look(picture: Image) -> DecodedPicture:
        mode, kind = picture.mode, picture.format or "none"
        width, height = picture.size
        if picture.getexif().get(0x0112) in TURNED:
            width, height = height, width
        pixels = data.transform(picture)
        return DecodedPicture((width, height), mode, kind, hashlib.blake2b(pixels.tobytes(), digest_size=16).digest())

    names: dict[str, str] = {}
    fewest = math.inf
    with (
        closing(in_order(lambda index: decode(source, index, look), range(len(source)))) as looks,
        progress_count(f"looking at pictures of {source.where}", len(source)) as advance,
    ):
        for index, made in enumerate(looks):
            name = source.name(index)
            bare = name.rpartition(".")[0].casefold() or name
            if isinstance(listed, FolderSource) and (first := names.setdefault(bare, name)) != name:
                found.named_alike.append((first, name))
            if isinstance(made, Bad):
                found.bad.append(made)
            else:
                found.sizes[made.size] += 1
                found.modes[made.mode] += 1
                found.formats[made.format] += 1
                if made.size[0] < data.transform.width or made.size[1] < data.transform.height:
                    found.enlarged += 1
                    if (pixels := made.size[0] * made.size[1]) < fewest:
                        fewest, found.smallest = pixels, "{}, {} x {}".format(name, *made.size)
                if (first := seen.setdefault(made.digest, f"{name} ({data.split})")) != f"{name} ({data.split})":
                    found.alike.append((first, f"{name} ({data.split})"))
            advance(1)
    found.becomes = [data.transform.describe(*size) for size, _ in found.sizes.most_common(SHOWN)]
    return found
