"""Files below the folder of a data set that no split reads: pictures beside the splits, and files of other formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from genkit.bases.pictures.folder_walk import listing, visible_files
from genkit.bases.pictures.image_formats import is_image_file
from genkit.bases.pictures.source import count

NAMED = 4  # folders or suffixes that a text names; it counts the others


@dataclass(frozen=True)
class Unread:
    """The part of a folder that is in none of its splits."""

    folder: Path
    splits: tuple[Path, ...]
    arrays: bool = False  # whether .npy files are pictures

    @cached_property
    def pictures(self) -> Counter[str]:
        """The number of pictures by sub-folder, ``bus/``; "" for those in the folder itself. Raises `UsageError`.

        This walks through the folder, so it is done only when somebody asks.
        """
        with listing(self.folder):
            below = visible_files(self.folder, self.splits)
            names = [name for _, name in below if is_image_file(name, arrays=self.arrays)]
        return Counter("".join(name.partition("/")[:2]) if "/" in name else "" for name in names)


def describe_unread(pictures: Counter[str]) -> str:
    """Return ``90 pictures in bus/, car/ and truck/ belong to no split``; empty without pictures."""
    number = pictures.total()
    if not number:
        return ""
    places = sorted(pictures.keys() - {""}) + ["the folder itself"] * ("" in pictures)
    return f"{count(number, 'picture')} in {list_names(places)} belong{'s' * (number == 1)} to no split"


def describe_other_files(endings: Counter[str]) -> str:
    """Return ``3 other files (.txt 2, .csv 1)``; empty without files. `endings` counts the files by suffix."""
    if not endings:
        return ""
    ordered = sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    counted = [f"{ending or 'no suffix'} {number:,}" for ending, number in ordered]
    return f"{count(endings.total(), 'other file')} ({', '.join(_first(counted))})"


def list_names(names: Sequence[str]) -> str:
    """Return ``a, b and c``; the first few if there are many."""
    *before, last = [*_first(names)] or [""]
    return f"{', '.join(before)} and {last}" if before else last


def _first(names: Sequence[str]) -> list[str]:
    rest = [f"{len(names) - NAMED:,} more"] if len(names) > NAMED else []
    return [*names[:NAMED], *rest]
