"""Names of exported pictures: those of their files, with the ending of the format that is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from genkit.bases.pictures.image_formats import is_image_file

ENDING = ".png"


def file_names(names: Sequence[str], indices: Sequence[int]) -> list[Path] | None:
    """Return the path of each exported picture below the folder; None unless all samples have names of image files.

    Args:
        names: The names of all samples of the split: paths below their folder.
        indices: The samples that are exported.

    The ending becomes .png. Names that would then be equal, also where upper case does not count, keep their own
    ending before it: ``a.jpg.png`` and ``a.png.png``. If names are still equal, they get the number of the sample.
    """
    if not names or not all(is_image_file(name, arrays=True) for name in names):
        return None
    chosen = [PurePosixPath(names[index]) for index in indices]
    short = [str(name.with_suffix(ENDING)) for name in chosen]
    found = _replaced_where_equal(short, [f"{name}{ENDING}" for name in chosen])
    numbered = [f"{name.with_suffix('')}-{index:06d}{ENDING}" for name, index in zip(chosen, indices, strict=True)]
    return [Path(name) for name in _replaced_where_equal(found, numbered)]


def _replaced_where_equal(names: Sequence[str], others: Sequence[str]) -> list[str]:
    times = Counter(name.casefold() for name in names)
    return [other if times[name.casefold()] > 1 else name for name, other in zip(names, others, strict=True)]
