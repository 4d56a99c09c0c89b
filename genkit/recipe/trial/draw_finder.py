"""Finder of the code that draws from torch's global generator, with its line.

The loop notices that a global generator has moved (`genkit.core.global_generators`), but not which line moved it. This
mode sees every operation, so it is used where a part is tried: in the dry run, and when the first samples are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import currentframe
from itertools import dropwhile, takewhile
from types import FrameType
from typing import Any

import torch

from genkit.core.global_generators import GeneratorWatch
from genkit.core.noise import __name__ as NOISE
from genkit.core.torch_operations import OperationWatch, draws_globally
from genkit.core.torch_operations import __name__ as OPERATIONS
from genkit.errors import PartMistake
from genkit.part_code import code_of, line_of_part


@contextmanager
def refusing_global_draws(part: object, remedy: str) -> Iterator[None]:
    """Raise `PartMistake` with the remedy if the block, which calls a part, draws from a global generator."""
    watch = GeneratorWatch(torch.device("cpu"))
    with _DrawFinder() as finder:
        yield
    moved = watch.moved()
    if finder.found or moved:
        raise PartMistake(global_draw_text(part, "torch" if finder.found else moved[0], remedy, finder.found))


def global_draw_text(part: object, library: str, remedy: str, place: str = "") -> str:
    """Return the message about a part that draws from the global generator of a library, at a place in its code."""
    called = f", with {place}" if place else ""
    drawn = f"draws from the global random generator of {library}{called}"
    return f"{code_of(part)} {drawn}. A resumed run would differ. {remedy}"


class _DrawFinder(OperationWatch):
    """Records the first operation that draws from torch's global generator: ``randn_like, loss.py, line 12``."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Record the operation and its line, if it is the first that draws."""
        if not self.found and draws_globally(operation, args, kwargs):
            frames = [*takewhile(_is_within_the_part, _callers())]
            callers = [(_module(frame), frame.f_code.co_name) for frame in frames]
            if NOISE not in (module for module, _ in callers):  # on the meta device `Noise` draws without a generator
                dropout = any(module == "torch.nn.functional" and "dropout" in name for module, name in callers)
                name = "dropout" if dropout else operation.overloadpacket.__name__
                line = line_of_part((frame, frame.f_lineno) for frame in reversed(frames))
                self.found = f"{name} ({line})" if line else name


def _callers() -> Iterator[FrameType]:
    """Return the frames that an operation was called from, the innermost first, without those that watch it.

    Python's `walk_stack` leaves out a number of frames that depends on its version and its caller.
    """
    return dropwhile(lambda frame: _module(frame) in (__name__, OPERATIONS), _frames())


def _frames() -> Iterator[FrameType]:
    frame = currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_within_the_part(frame: FrameType) -> bool:
    """Return whether a frame belongs to a call of a part, and not to the code in genkit that tries the part."""
    return not _module(frame).startswith(("genkit.recipe.", "genkit.engine."))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
