"""Atomic writes: other processes see a complete file or folder, or none, even if the writing process is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def partial_path(path: Path) -> Path:
    """Return the hidden path, in the same folder, for the incomplete content of `path`."""
    return path.with_name(f".{path.name}.partial")


def write_file(path: Path, content: bytes) -> None:
    """Write a file. It appears under its name when all of it is on disk. Raises `OSError`."""
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to fill. It appears as `path` when the block ends, and is deleted if the block raises.

    Raises `OSError`.
    """
    partial = partial_path(path)
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill. It replaces `path` when the block ends, and is deleted if the block raises.

    Raises `OSError`.
    """
    partial, before = partial_path(path), path.with_name(f".{path.name}.before")
    for leftover in (partial, before):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.exists():
            os.rename(path, before)  # no system call replaces a folder: `path` is missing between these two lines
        os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
