"""Probe of the prior in the dry run: whether a loss asks it at all. One that does not was written for N(0, I)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from genkit.core.prior import Prior

QUESTIONS = ("sample", "log_prob", "kl")


@contextmanager
def recording_questions(prior: Prior) -> Iterator[set[str]]:
    """Yield the set of the methods of `prior` that the block calls, also on its frozen copies."""
    asked: set[str] = set()
    with ExitStack() as stack:
        for name in QUESTIONS:
            stack.enter_context(_recorded(type(prior), name, asked))
        yield asked


@contextmanager
def _recorded(kind: type[Prior], name: str, asked: set[str]) -> Iterator[None]:
    """Replace a method of a class, perhaps an inherited one, by one that records its calls, while the block runs."""
    method: Callable[..., Any] = getattr(kind, name)

    def recorded(*args: Any, **kwargs: Any) -> Any:
        asked.add(name)
        return method(*args, **kwargs)

    own = vars(kind).get(name)
    setattr(kind, name, recorded)
    try:
        yield
    finally:
        if own is None:
            delattr(kind, name)
        else:
            setattr(kind, name, own)
