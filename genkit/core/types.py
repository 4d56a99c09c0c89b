"""The vocabulary that the engine and the parts share. Importing it does not import torch.

Legend, here and everywhere: B batch, C channels, H height, W width, L latent dimension; t is progress in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter

    from genkit.core.batch import Batch
    from genkit.core.noise import Noise


class DiagNormal(NamedTuple):
    """A batch of diagonal Gaussians N(mu, diag(exp(logvar))), as an encoder returns it."""

    mu: Tensor  # (B, L)
    logvar: Tensor  # (B, L), natural logarithm of the variance, clamped by the model

    def sample(self, eps: Tensor) -> Tensor:
        """Return mu + σ·eps, the reparameterised draw, for standard normal `eps` of shape (B, L)."""
        return self.mu + (0.5 * self.logvar).exp() * eps

    def detach(self) -> DiagNormal:
        """Return the same Gaussians cut from the graph."""
        return DiagNormal(self.mu.detach(), self.logvar.detach())


@runtime_checkable
class Schedule(Protocol):
    """A pure function of the progress t in [0, 1] of a run: a weight, a learning rate, a curriculum."""

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        ...


@runtime_checkable
class Divergence(Protocol):
    """A pure function of two batches of diagonal Gaussians.

    Both have shape (B, L); the value has shape (B,). A statistic of the whole batch is expanded to (B,). Raise
    `ValueError` where the shapes cannot work: the plan tries every divergence once on shapes alone, before a run.
    """

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return the divergence of `p` from `q`, (B,)."""
        ...


class PhaseLoss(NamedTuple):
    """What a phase computes."""

    total: Tensor  # (), differentiable: the mean over this batch
    terms: Mapping[str, Tensor]  # name -> (), detached, for the report


@dataclass(frozen=True)
class Phase:
    """One update within a step: a loss, and the children of the model that it trains."""

    name: str
    updates: tuple[str, ...]  # the model's children trained here, and nothing else
    loss: Callable[[Any, Batch], PhaseLoss]  # of the model and the batch
    every: int = 1  # due when (step + 1) % every == 0
    start: int = 0  # due from this step on ...
    stop: int | None = None  # ... and before this one; None: to the end

    def due(self, step: int) -> bool:
        """Tell whether this phase runs in step number `step`, counted from 0."""
        return self.start <= step and (self.stop is None or step < self.stop) and (step + 1) % self.every == 0


class Loss(Protocol):
    """A training objective: a frozen dataclass whose fields are the keys of ``[loss]``."""

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of one step, in order."""
        ...


class Optimiser(Protocol):
    """How one child of a model is trained: a frozen dataclass whose fields are the keys of ``[optimiser.CHILD]``."""

    @property
    def lr(self) -> Schedule:
        """The learning rate as a function of the progress of the run."""
        ...

    @property
    def clip_norm(self) -> float | None:
        """The Euclidean norm that the child's gradient is clipped to, or None."""
        ...

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a torch optimiser of these parameters; its learning rate is set by the loop before each step."""
        ...


class Samples(NamedTuple):
    """What a data set returns for some indices."""

    x: Tensor  # (B, *shape) float32; images (B, C, H, W) in [0, 1], points (B, D)
    extra: Mapping[str, Tensor] = {}  # labels and the like, each (B, ...)


@runtime_checkable
class FingerprintedSource(Protocol):
    """A data set without a size that is read from somewhere, so that it may change."""

    def data_fingerprint(self) -> Mapping[str, Any]:
        """Return facts, as JSON holds them, that differ when the source does; "samples" is how many a pass has."""
        ...


class Dataset(Protocol):
    """Samples of one shape, from one split; three-dimensional shapes are images in [0, 1]."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (D,) for points or (C, H, W) for images; known without reading the data."""
        ...

    @property
    def split(self) -> str:
        """Which part of the source this is: "train", "test", or "drawn" for a density that never repeats."""
        ...

    @property
    def size(self) -> int | None:
        """The number of samples, or None for a density that never ends."""
        ...

    def unmet(self) -> tuple[str, ...]:
        """Name what is absent on this machine and how to get it; empty where the data can be read."""
        ...

    def held_out(self) -> Dataset:
        """Return the split that is never trained on."""
        ...

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the samples at `indices`, (B,) int64; all randomness comes from `noise`, a row per sample.

        A density ignores the values of `indices` and draws a fresh sample for each.
        """
        ...
