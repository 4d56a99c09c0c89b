"""Probe of the reconstruction error of a model: whether a loss calls it.

A loss that compares samples by itself would ignore the error that the recipe names, in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from genkit.core.model import Autoencoder, Model
from genkit.core.types import Link, ReconstructionError


@dataclass(frozen=True)
class RecordingError(ReconstructionError):
    """A reconstruction error that records that it was called."""

    error: ReconstructionError
    calls: list[bool] = field(default_factory=list)

    @property
    def link(self) -> Link:
        """That of the error."""
        return self.error.link

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return what the error returns."""
        self.calls.append(True)
        return self.error(x, output)

    def of(self, model: Autoencoder) -> Callable[[Tensor, Tensor], Tensor]:
        """Return what the error returns."""
        self.calls.append(True)
        return self.error.of(model)


@contextmanager
def recording_error(model: Model) -> Iterator[list[bool]]:
    """Run the block with a recording error in the model, and then restore its own; yield the list of the calls."""
    if not isinstance(model, Autoencoder):
        yield []
        return
    recording = RecordingError(model.reconstruction_error)
    model.reconstruction_error = recording
    try:
        yield recording.calls
    finally:
        model.reconstruction_error = recording.error
