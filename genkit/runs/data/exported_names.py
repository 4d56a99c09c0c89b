"""Names of exported pictures: those of their files, with the ending of the format that is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from genkit.bases.pictures.image_formats import is_image_file

ENDING = ".png"


def file_names(names: Sequence[str], indices: Sequence[int]) -> list[Path] | None:
    """Return the path of each exported picture below the folder; None unless all names are those of image files in it.

    Args:
        names: The names of all samples of the split: paths below their folder.
        indices: The samples that are exported.

    The ending becomes .png. Names that would then be equal, also where upper case does not count, keep their own
    ending before it: ``a.jpg.png`` and ``a.png.png``. If names are still equal, they get the number of the sample, and
    if that does not help, there are no names. A path that leads out of the folder, which a data set of a plugin may
    give, is no name.
    """
    if not names or not all(is_image_file(name, arrays=True) and _is_below(name) for name in names):
        return None
    chosen = [PurePosixPath(names[index]) for index in indices]
    short = [str(name.with_suffix(ENDING)) for name in chosen]
    found = _replaced_where_equal(short, [f"{name}{ENDING}" for name in chosen])
    numbered = [f"{name.with_suffix('')}-{index:06d}{ENDING}" for name, index in zip(chosen, indices, strict=True)]
    unique = _replaced_where_equal(found, numbered)
    return [Path(name) for name in unique] if len({name.casefold() for name in unique}) == len(unique) else None


def _is_below(name: str) -> bool:
    return not any(
        path.is_absolute() or path.drive or ".." in path.parts for path in (Path(name), PureWindowsPath(name))
    )


def _replaced_where_equal(names: Sequence[str], others: Sequence[str]) -> list[str]:
    times = Counter(name.casefold() for name in names)
    return [other if times[name.casefold()] > 1 else name for name, other in zip(names, others, strict=True)]
