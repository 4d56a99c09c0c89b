"""Finder of the code that draws from torch's global generator, with its line.

The loop notices that a global generator has moved (`genkit.core.global_generators`), but not which line moved it. This
mode sees every operation, so it is used where a part is tried: in the dry run, and when the first samples are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from traceback import walk_stack
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from genkit.core.global_generators import GeneratorWatch
from genkit.core.noise import __name__ as NOISE
from genkit.part_code import code_of, line_of_part


@contextmanager
def refusing_global_draws(part: object, remedy: str) -> Iterator[None]:
    """Raise `ValueError` with the remedy if the block, which calls a part, draws from a global generator."""
    watch = GeneratorWatch(torch.device("cpu"))
    with _DrawFinder() as finder:
        yield
    moved = watch.moved()
    if finder.found or moved:
        raise ValueError(global_draw_text(part, "torch" if finder.found else moved[0], remedy, finder.found))


def global_draw_text(part: object, library: str, remedy: str, place: str = "") -> str:
    """Return the message about a part that draws from the global generator of a library, at a place in its code."""
    called = f", with {place}" if place else ""
    drawn = f"draws from the global random generator of {library}{called}"
    return f"{code_of(part)} {drawn}. A resumed run would differ. {remedy}"


class _DrawFinder(TorchDispatchMode):
    """Records the first operation that draws from torch's global generator: ``randn_like, loss.py, line 12``."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.found and _draws_globally(function, args, kwargs):
            frames = [*takewhile(lambda each: _is_within_the_part(each[0]), walk_stack(None))]
            callers = [(frame.f_globals.get("__name__", ""), frame.f_code.co_name) for frame, _ in frames]
            if NOISE not in (module for module, _ in callers):  # on the meta device `Noise` draws without a generator
                dropout = any(module == "torch.nn.functional" and "dropout" in name for module, name in callers)
                name = "dropout" if dropout else function.overloadpacket.__name__
                line = line_of_part(reversed(frames))
                self.found = f"{name} ({line})" if line else name
        return function(*args, **kwargs)


def _is_within_the_part(frame: FrameType) -> bool:
    """Return whether a frame belongs to a call of a part, and not to the code in genkit that tries the part."""
    module = frame.f_globals.get("__name__", "")
    tries = module.startswith(("genkit.recipe.", "genkit.engine."))
    return not tries or frame.f_code.co_name == "__torch_dispatch__"  # a mode, between the part and torch


def _draws_globally(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether an operation draws random numbers without a generator of its own."""
    names = [argument.name for argument in function._schema.arguments]
    given = {**dict(zip(names, args)), **kwargs}
    if "generator" in names:
        return given.get("generator") is None and given.get("training", "training" not in names)
    name = function.overloadpacket.__name__
    return name.startswith("rand") or name == "native_dropout"
