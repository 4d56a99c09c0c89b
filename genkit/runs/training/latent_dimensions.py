"""The names of the two latent dimensions of stored codes, beside them: codes.json for codes.npy.

They are counted from 1, as in the traversal: ``{"dimensions": [1, 15]}`` is z1 and z15. Runs of older versions lack the
file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from genkit.storage.text_files import write_text


def name_of(index: int) -> str:
    """Return the name of a latent dimension, given its index from 0: ``z1``."""
    return f"z{index + 1}"


def save_dimensions(codes: Path, indices: Sequence[int]) -> Path:
    """Write which dimensions the codes at a path are of, by their indices from 0; return the path. Raises `OSError`."""
    path = codes.with_suffix(".json")
    write_text(path, json.dumps({"dimensions": [index + 1 for index in indices]}) + "\n")
    return path


def read_dimensions(codes: Path) -> tuple[str, str] | None:
    """Return the names of the two dimensions of codes; None if they are not stored, or damaged."""
    try:
        facts = json.loads(codes.with_suffix(".json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    match facts:
        case {"dimensions": [int(x), int(y)]} if 0 < x < y:
            return name_of(x - 1), name_of(y - 1)
        case _:
            return None
