"""Filling a store: decoded by all cores, written in one pass, there under its name only when it is whole.

Bad pictures are left out and recorded, whatever the recipe says of them: who must refuse them then does so at once, the
next time too. One process at a time prepares a store, and the others wait and find it. What a killed process has left
behind is deleted by whoever prepares next. The bytes are written, not mapped: on a full disk a write is an error with a
name, and a store through a map is a signal that ends the process.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from filelock import FileLock, Timeout

from genkit.console.output import progress_count
from genkit.console.quantities import quantity
from genkit.errors import Interrupted, UsageError
from genkit.parts.datasets.pictures.decode import Bad, bad_pictures, decode_some, in_order
from genkit.parts.datasets.pictures.source import Source
from genkit.parts.datasets.pictures.store import IMAGES, LABELS, Store, fingerprint, write_about
from genkit.parts.datasets.pictures.transform import Transform
from genkit.storage.os_errors import FULL, describe_os_error

CHUNK = 32  # pictures that a core takes at a time
PARTIAL = ".partial"


def prepare(find: Callable[[], Source], transform: Transform, root: Path) -> Store:
    """Return the store of the pictures that `find` lists, made if it is not there. Raises `UsageError`."""
    source = find()
    name = fingerprint(source, transform)
    store = Store(root / name)
    if store.path.is_dir():
        return store
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            if not store.path.is_dir():
                _sweep(root)
                _make(source, transform, store.path, find)
    except OSError as error:
        raise _cannot_write(error, root, len(source) * int(np.prod(transform.shape))) from error
    return store


def remake(find: Callable[[], Source], transform: Transform, root: Path) -> Store:
    """Return the store of these pictures as `prepare` does, read as a whole and made anew if it is damaged."""
    store = prepare(find, transform, root)
    try:
        store.verify()
    except UsageError:
        try:
            shutil.rmtree(store.path)
        except OSError as error:
            raise _cannot_write(error, root, store.path.stat().st_size) from error
        store = prepare(find, transform, root)
    return store


def _make(source: Source, transform: Transform, path: Path, find: Callable[[], Source]) -> None:
    needed, free = len(source) * int(np.prod(transform.shape)), shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    unfinished = path.with_name(path.name + PARTIAL)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        _fill(source, transform, unfinished)
        if fingerprint(find(), transform) != path.name:
            raise UsageError(
                f"[data] {source.where}: changed while its pictures were prepared. Wait until nothing writes there."
            )
        os.replace(unfinished, path)
    except KeyboardInterrupt:
        raise Interrupted("stopped while pictures were prepared; the same command begins with that again.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(source: Source, transform: Transform, folder: Path) -> None:
    digest = hashlib.blake2b(digest_size=16)
    kept: list[int] = []
    bad: list[Bad] = []
    chunks = (range(start, min(start + CHUNK, len(source))) for start in range(0, len(source), CHUNK))
    with (
        (folder / IMAGES).open("wb") as file,
        progress_count(f"preparing pictures of {source.where}", len(source)) as advance,
        closing(in_order(partial(decode_some, source, transform), chunks)) as decoded,
    ):
        for pixels, usable, unusable in decoded:
            _write(file, pixels)
            digest.update(pixels.data)
            kept += usable
            bad += unusable
            advance(len(usable) + len(unusable))
        _settle(file)
    if not kept:
        raise bad_pictures(bad, len(source), source.where)

    digests = {"images": digest.hexdigest()}
    if source.labels is not None:
        labels = np.ascontiguousarray(source.labels[kept], np.int64)
        with (folder / LABELS).open("wb") as file:
            _write(file, labels)
            _settle(file)
        digests["labels"] = hashlib.blake2b(labels.tobytes(), digest_size=16).hexdigest()
    write_about(folder, source, transform, (len(kept), *transform.shape), bad, digests)


def _write(file: IO[bytes], array: np.ndarray) -> None:
    file.write(np.ascontiguousarray(array).data)


def _settle(file: IO[bytes]) -> None:
    """Bring a file to the disk before it gets its name: after a power cut there is no store, or a whole one."""
    file.flush()
    os.fsync(file.fileno())


def _sweep(root: Path) -> None:
    """Delete what killed processes have left: whoever still prepares holds the lock of its store."""
    for left in root.glob(f"*{PARTIAL}"):
        lock = FileLock(root / f"{left.name.removesuffix(PARTIAL)}.lock")
        try:
            with lock.acquire(timeout=0):
                shutil.rmtree(left, ignore_errors=True)
        except Timeout:
            continue


def _cannot_write(error: OSError, root: Path, needed: int) -> UsageError:
    remedy = "Set GENKIT_CACHE, or store = PATH in [data], to another folder."
    takes = f", and they take {quantity(needed, 'B')}" if error.errno in FULL else ""
    return UsageError(
        f"[data] {root}: prepared pictures cannot be written: {describe_os_error(error, root)}{takes}. {remedy}"
    )
