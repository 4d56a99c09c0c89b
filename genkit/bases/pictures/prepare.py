"""Preparation of pictures: all cores decode them once, and the result is written to a store.

- A store appears under its name only when it is complete.
- One process at a time prepares a store. Others wait for its lock and then find the store.
- Bad pictures are left out of the store and recorded in it, whatever `on_bad` says. A recipe that refuses bad pictures
  then does so from the record, without decoding again.
- The next preparation deletes the folders that killed processes left behind.
- Pixels are written with `write`, not through a memory map. On a full disk `write` raises `OSError`, and a memory map
  ends the process with a signal.
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

from genkit.bases.pictures.bad_pictures import BadPicture, bad_pictures_error
from genkit.bases.pictures.decode import decode_some
from genkit.bases.pictures.source import Source
from genkit.bases.pictures.store import IMAGES, LABELS, Store, store_fingerprint, write_about
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.value_range import ValueRange
from genkit.console.output import progress_count
from genkit.console.quantities import quantity
from genkit.errors import Interrupted, UsageError
from genkit.storage.atomic import new_folder, write_file
from genkit.storage.os_errors import FULL, describe_os_error
from genkit.storage.shared_folder import delete_leftovers, lock_of

CHUNK = 32  # pictures that a core decodes at a time


def prepare(find: Callable[[], Source], transform: Transform, root: Path) -> Store:
    """Return the store of the pictures that `find` lists, and make it if it does not exist. Raises `UsageError`."""
    source = find()
    name = store_fingerprint(source, transform)
    store = Store(root / name)
    if store.path.is_dir():
        return store
    try:
        root.mkdir(parents=True, exist_ok=True)
        with lock_of(store.path):
            if not store.path.is_dir():
                delete_leftovers(root)
                _make_store(source, transform, store.path, find)
    except OSError as error:
        raise _cannot_write(error, root, _nbytes(source, transform)) from error
    return store


def prepare_and_verify(find: Callable[[], Source], transform: Transform, root: Path) -> Store:
    """Return the same store as `prepare`, with every byte verified; a damaged store is made again."""
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


def _make_store(source: Source, transform: Transform, path: Path, find: Callable[[], Source]) -> None:
    if _nbytes(source, transform) > shutil.disk_usage(path.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        with new_folder(path) as folder:
            _fill(source, transform, folder)
            if store_fingerprint(find(), transform) != path.name:
                raise UsageError(
                    f"[data] {source.where}: changed while its pictures were prepared. "
                    "Wait until no other program writes there, and try again."
                )
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped while pictures were prepared. The same command starts their preparation again."
        ) from None


def _fill(source: Source, transform: Transform, folder: Path) -> None:
    """Write the files of a store. Raises `UsageError` if no picture can be used."""
    usable, bad, digest, values = _write_images(source, transform, folder / IMAGES)
    if not usable:
        raise bad_pictures_error(bad, len(source), source.where)
    digests = {"images": digest}
    if source.labels is not None:
        labels = np.ascontiguousarray(source.labels[usable], np.int64).tobytes()
        write_file(folder / LABELS, labels)
        digests["labels"] = hashlib.blake2b(labels, digest_size=16).hexdigest()
    write_about(folder, source, transform, (len(usable), *transform.shape), bad, digests, values)


def _write_images(
    source: Source, transform: Transform, path: Path
) -> tuple[list[int], list[BadPicture], str, ValueRange]:
    """Write all usable pictures. Return their indices, the bad pictures, the digest of the file, and their values."""
    values = ValueRange()
    digest = hashlib.blake2b(digest_size=16)
    usable: list[int] = []
    bad: list[BadPicture] = []
    chunks = (range(start, min(start + CHUNK, len(source))) for start in range(0, len(source), CHUNK))
    with (
        path.open("wb") as file,
        progress_count(f"preparing pictures of {source.where}", len(source)) as advance,
        closing(map_in_threads(partial(decode_some, source, transform), chunks)) as decoded,
    ):
        for pixels, some_usable, some_bad, some_values in decoded:
            _write(file, pixels)
            digest.update(pixels.data)
            usable += some_usable
            bad += some_bad
            values.add(some_values)
            advance(len(some_usable) + len(some_bad))
        _flush_to_disk(file)
    return usable, bad, digest.hexdigest(), values


def _nbytes(source: Source, transform: Transform) -> int:
    """Return the size of all pictures after the transform, in bytes."""
    return len(source) * int(np.prod(transform.shape)) * transform.dtype.itemsize


def _write(file: IO[bytes], array: np.ndarray) -> None:
    file.write(np.ascontiguousarray(array).data)


def _flush_to_disk(file: IO[bytes]) -> None:
    """Bring a file to the disk before its folder gets its name, so that a power cut leaves a whole store or none."""
    file.flush()
    os.fsync(file.fileno())


def _cannot_write(error: OSError, root: Path, needed: int) -> UsageError:
    size = f"; the pictures need {quantity(needed, 'B')}" if error.errno in FULL else ""
    return UsageError(
        f"[data] {root}: prepared pictures cannot be written: {describe_os_error(error, root)}{size}. "
        "Set the environment variable GENKIT_CACHE, or store = PATH in [data], to another folder."
    )
