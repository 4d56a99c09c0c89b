"""Settings of a measurement, and the precisions that a device has."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from os import environ
from unittest.mock import patch

from genkit.engine import compilation
from genkit.engine.distributed import World
from genkit.errors import GenkitWarning

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")  # in which networks can be trained fast


@dataclass(frozen=True)
class Settings:
    """What is measured where."""

    device: str  # "cuda" or "cpu"
    tiny: bool = False  # the smallest networks and fewest steps with which every line of the program runs
    mistake: bool = False  # change the second side of each comparison, so that every claim must fail

    def refuses(self, precision: str) -> str | None:
        """Return why a precision cannot be measured on this device, or None."""
        if self.device == "cpu" and precision in ("tf32", "fp16"):
            return f"{precision} needs a GPU"
        return None


def on_device(device: str) -> AbstractContextManager[object]:
    """Return a block in which genkit trains on a device, also in processes that it starts."""
    return patch.dict(environ, ACCELERATE_USE_CPU=str(device == "cpu").lower())


@contextmanager
def compiler_of(settings: Settings) -> Iterator[list[str]]:
    """Run a block in which [train] compile may act; the yielded list gets why networks could not be compiled.

    In tiny form torch traces the networks and compiles no code, which takes minutes.
    """
    failures: list[str] = []
    backend = "aot_eager" if settings.tiny else compilation.BACKEND
    with patch.object(compilation, "BACKEND", backend), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield failures
    failures += [str(each.message) for each in warned if issubclass(each.category, GenkitWarning)]


@contextmanager
def world_on(device: str, precision: str) -> Iterator[World]:
    """Return a group of one process on a device; the flags of torch that its precision sets hold in the block."""
    with on_device(device), World(precision) as world:
        yield world
