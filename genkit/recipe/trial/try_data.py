"""Trial of a data set before a run: what it and its held-out split say about themselves is checked.

Every function raises `PartMistake` with the class, its file and line. Other exceptions are bugs of the part.
"""

from __future__ import annotations

from typing import Any

from genkit.core.dataset import Dataset
from genkit.errors import PartMistake
from genkit.part_code import code_of
from genkit.recipe.binding.part_interface import check_interface


def shape_of(data: Dataset) -> tuple[int, ...]:
    """Return the shape of one sample. Raises `PartMistake` unless it is a tuple of positive integers."""
    shape: Any = data.shape
    if not isinstance(shape, (tuple, list)) or not shape or not all(isinstance(n, int) and n > 0 for n in shape):
        raise PartMistake(f"{code_of(data)}: shape is {shape!r}. Return (D,) for points, (C, H, W) for images")
    return tuple(shape)


def try_data(data: Dataset) -> bool:
    """Check what a data set and its held-out split say about themselves. No sample is read. Return True."""
    shape_of(data)
    _check_facts(data)
    held_out: Any = data.held_out()
    try:
        check_interface("datasets", held_out)
    except TypeError as error:
        text = "Return the held-out split; a density, whose samples never repeat, returns itself"
        raise PartMistake(f"{code_of(data)}: held_out returned a {type(held_out).__name__}. {text}") from error
    _check_facts(held_out)
    if shape_of(held_out) != shape_of(data):
        raise PartMistake(
            f"{code_of(data)}: samples have the shape {shape_of(data)}, held-out samples {shape_of(held_out)}"
        )
    return True


def _check_facts(data: Any) -> None:
    unmet = data.unmet()
    if not isinstance(unmet, (tuple, list)) or not all(isinstance(text, str) for text in unmet):
        raise PartMistake(
            f"{code_of(data)}: unmet returned {unmet!r}. Return a tuple of messages; () if nothing is missing"
        )
    if not isinstance(data.split, str):
        raise PartMistake(f'{code_of(data)}: split is {data.split!r}. Return "train", "test" or "drawn"')
    if unmet:  # only reading the data would show their size
        return
    size = data.size
    if size is not None and (not isinstance(size, int) or size < 0):
        raise PartMistake(f"{code_of(data)}: size is {size!r}. Return the number of samples, or None for a density")
