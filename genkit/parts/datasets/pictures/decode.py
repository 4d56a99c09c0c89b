"""One picture of a source as bytes. A picture that cannot be used is a value here, so that all of them can be named."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.source import BadPicture, Pictures, Source, count, shown_name
from genkit.parts.datasets.pictures.transform import Transform

if TYPE_CHECKING:
    from PIL.Image import Image

NAMED = 10  # bad pictures that a message names; it counts the rest

Given = TypeVar("Given")
Made = TypeVar("Made")


class Bad(NamedTuple):
    """A picture that cannot be used, and why."""

    name: str
    reason: str


def decode(source: Pictures, index: int, work: Callable[[Image], Made]) -> Made | Bad:
    """Return what `work` makes of a picture, or why it cannot be used."""
    from PIL import Image, UnidentifiedImageError

    try:
        with source.picture(index) as picture:
            pixels = picture.width * picture.height
            # Pillow warns here and refuses at twice as many; a picture may not take a machine's memory either way.
            if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            return work(picture)
    except MemoryError:
        raise
    except BadPicture as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels, which Pillow takes for a decompression bomb"
    except UnidentifiedImageError:
        reason = "is no picture that Pillow knows"
    except FileNotFoundError:
        reason = "is no longer there"
    except Exception as error:  # a damaged file: there is hardly anything that a decoder may not raise
        reason = f"cannot be decoded: {str(error) or type(error).__name__}"
    return Bad(shown_name(source.name(index)), reason)


def decode_some(
    source: Source, transform: Transform, indices: Sequence[int]
) -> tuple[np.ndarray, list[int], list[Bad]]:
    """Return the usable pictures among `indices`, (N, C, H, W) uint8, which of them they are, and the bad ones."""
    pixels = np.empty((len(indices), *transform.shape), np.uint8)
    kept: list[int] = []
    bad: list[Bad] = []
    for index in indices:
        made = decode(source, index, transform)
        if isinstance(made, Bad):
            bad.append(made)
        else:
            pixels[len(kept)] = made
            kept.append(index)
    return pixels[: len(kept)], kept, bad


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Given], Made], given: Iterable[Given], workers: int | None = None) -> Generator[Made]:
    """Yield `work` of each item in order, done by all cores, a few results ahead of who reads them. To be closed.

    Threads, since Pillow lets go of the interpreter where it decodes and resizes: processes would have to import what
    the main script imports, and be found and ended when it is killed.
    """
    workers, waiting = workers or cores(), iter(given)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about single pictures; set for all threads while they work
        try:
            ahead = deque(pool.submit(work, item) for item in islice(waiting, 4 * workers))
            while ahead:
                made = ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in islice(waiting, 1))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)


def bad_pictures(bad: Sequence[Bad], total: int, where: str) -> UsageError:
    """Return the error that names the bad pictures."""
    named = "".join(f"\n  {each.name} {each.reason}" for each in bad[:NAMED])
    rest = f"\n  and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
    remedy = 'Mend or remove them, or write on_bad = "skip" to go without them.'
    if len(bad) == total:
        remedy = "None is left to go on with: mend the pictures, or the keys of [data] that do not fit them."
    return UsageError(
        f"[data] {where}: {len(bad):,} of {count(total, 'picture')} cannot be used:{named}{rest}\n{remedy}"
    )
