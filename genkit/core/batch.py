"""The input of one step, as a phase's loss sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from torch import Tensor

from genkit.core.noise import Noise


def alone(x: Tensor) -> Tensor:
    """Gather over the one process there is."""
    return x


@dataclass(frozen=True)
class Batch:
    """One step's input, the same for every phase of it."""

    x: Tensor  # (B, *data_shape), images in [0, 1]
    z: Tensor  # (B, L) prior noise, drawn once a step
    t: float  # progress of the run, in [0, 1)
    noise: Noise  # this phase's randomness
    extra: Mapping[str, Tensor] = field(default_factory=dict)  # labels and the like, where the data set has them
    carry: dict[str, Tensor] = field(default_factory=dict)  # what an earlier phase of this step leaves to a later one
    phase_start: float = 0.0  # progress of the run at the first step of this phase
    rank: int = 0  # of this process
    gather_rows: Callable[[Tensor], Tensor] = alone
    full_precision: Callable[[], AbstractContextManager[None]] = nullcontext  # `with batch.full_precision():`

    def randn(self, tag: str, *shape: int) -> Tensor:
        """Return standard normal numbers, (B, *shape). `tag` names the draw within the phase."""
        return self.noise.randn(tag, *shape)

    def rand(self, tag: str, *shape: int) -> Tensor:
        """Return numbers uniform on [0, 1), (B, *shape)."""
        return self.noise.rand(tag, *shape)

    def gather(self, x: Tensor) -> Tensor:
        """Return the rows of all processes, (B, ...) -> (B_global, ...), with gradient.

        Whatever couples the samples of a batch (a batch mean inside a nonlinearity, a distance between batches) must
        be computed from gathered rows: then n processes compute the step of one.
        """
        return self.gather_rows(x)

    def own(self, x: Tensor) -> Tensor:
        """Return this process's rows of a gathered tensor, (B_global, ...) -> (B, ...)."""
        size = len(self.x)
        return x[self.rank * size : (self.rank + 1) * size]

    def in_phase(self, name: str, start: float = 0.0) -> Batch:
        """Return this batch with the randomness of the phase `name`, whose first step is at progress `start`."""
        return replace(self, noise=self.noise.of(name), phase_start=start)

    @property
    def phase_t(self) -> float:
        """Progress since the first step of the phase, in [0, 1): what a curriculum within it is a function of."""
        return max(self.t - self.phase_start, 0.0) / (1 - self.phase_start) if self.phase_start < 1 else 0.0
