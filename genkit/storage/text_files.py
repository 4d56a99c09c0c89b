"""Text and JSON files, written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genkit.storage.atomic import write_file


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file. Raises `OSError`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file. Lone surrogates are written as the bytes of a path that they stand for. Raises `OSError`."""
    write_file(path, text.encode("utf-8", "surrogateescape"))
