"""How a function of Python computes: with torch's own defaults, and with a message where memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genkit.core.torch_defaults import standard_defaults
from genkit.engine.out_of_memory import refused_if_out_of_memory

FEWER = "Pass fewer samples at a time."


@contextmanager
def computing(call: str, remedy: str = FEWER) -> Iterator[None]:
    """Let a function compute whatever the program has set in torch, and raise `UsageError` where memory runs out.

    The message begins with the `call`, such as ``encode()``, and ends in the `remedy`.
    """
    with standard_defaults(), refused_if_out_of_memory(call, remedy):
        yield
