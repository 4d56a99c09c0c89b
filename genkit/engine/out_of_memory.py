"""Errors of torch and Python that mean that memory ran out, as messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from genkit.errors import OUT_OF_MEMORY, UsageError
from genkit.storage.memory import amount_of_memory

REFUSED = "allocate memory"  # by torch's CPU allocator, in a plain RuntimeError
# Of a tensor whose size or bytes are more than a number of 64 bits, in errors of several classes:
BEYOND = re.compile("Storage size calculation overflowed|without overflow|Overflow when unpacking")
OVERFLOWS = (RuntimeError, TypeError, ValueError)
TRIED = re.compile(r"tried to allocate (\d+) bytes")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, or would whatever the machine."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, OVERFLOWS) and (REFUSED in str(error) or _is_beyond(error))


def _is_beyond(error: BaseException) -> bool:
    return BEYOND.search(str(error)) is not None


def describe_out_of_memory(error: BaseException) -> str:
    """Return ``out of memory: tried to allocate 16 PB, and this machine has 25 GB of memory.``

    An allocator of a GPU says it in its own words, Python itself says nothing.
    """
    if tried := TRIED.search(str(error)):
        return f"{OUT_OF_MEMORY}: tried to allocate {amount_of_memory(int(tried[1]))}."
    if _is_beyond(error):
        return f"{OUT_OF_MEMORY}: more bytes than any machine can address."
    said = str(error).splitlines()[:1]
    return f"{OUT_OF_MEMORY}: {said[0].rstrip('.')}." if said else f"{OUT_OF_MEMORY}."


@contextmanager
def refused_if_out_of_memory(what: str, remedy: str) -> Iterator[None]:
    """Let a block, or a function that this decorates, raise `UsageError` where memory runs out.

    The message begins with `what`, a call or a number of samples, and ends in the `remedy`.
    """
    try:
        yield
    except (MemoryError, *OVERFLOWS) as error:
        if not is_out_of_memory(error):
            raise
        raise UsageError(f"{what}: {describe_out_of_memory(error)} {remedy}") from None
