"""The vocabulary that the engine and the parts share. Importing it does not import torch.

Legend, here and everywhere: B batch, C channels, H height, W width, L latent dimension; t is progress in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter

    from genkit.batch import Batch
    from genkit.model import Model
    from genkit.noise import Noise


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
class Witnessed(Protocol):
    """A data set without a size that is read from somewhere, so that it may change."""

    def witness(self) -> Mapping[str, Any]:
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


# Whose statistics a batch norm uses: "running", those kept while training; "batch", those of the samples that are
# evaluated together; "recalibrated", those of the training data, taken anew.
BatchNormMode = Literal["running", "batch", "recalibrated"]


@dataclass(frozen=True)
class EvaluationProtocol:
    """How a number is made. Two numbers made by unlike protocols cannot be compared."""

    samples: int  # how many samples of each side are read
    split: str  # the split that the reference samples come from
    weights: Literal["raw", "ema"]
    batch_norm: BatchNormMode | None = None  # whose statistics normalise; None: the model has no batch norm
    extractor: str = ""  # what makes features of the samples, with the hash of its weights; empty: nothing does
    resize: str = ""  # how samples come to the size that the extractor reads; empty: they are not resized
    quantised: bool = False  # generated images are rounded to 8 bits, as if they had been saved
    details: Mapping[str, str | int | float] = field(default_factory=dict)  # range, bins, thresholds, ...

    @property
    def comparable(self) -> EvaluationProtocol:
        """The same for two numbers that can be compared: with running statistics, a batch norm is no other model."""
        return replace(self, batch_norm=None) if self.batch_norm == "running" else self

    def __str__(self) -> str:
        """Write it on one line."""
        parts = [f"{self.samples} samples", f"{self.split} split", f"{self.weights} weights"]
        if self.batch_norm is not None:
            parts.append(f"{self.batch_norm} batch norm")
        if self.extractor:
            parts.append(f"features {self.extractor}")
        if self.resize:
            parts.append(f"resized {self.resize}")
        if self.quantised:
            parts.append("8 bits")
        parts += (
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.details.items()
        )
        return ", ".join(parts)


@runtime_checkable
class Extractor(Protocol):
    """What makes features of samples: a frozen dataclass whose fields are the keys of the table that names it.

    A number is called after the features that made it, so an extractor says which weights it has before it reads them,
    and refuses others when it does.
    """

    @property
    def name(self) -> str:
        """What it is called, with the settings that decide its features."""
        ...

    @property
    def digest(self) -> str:
        """The SHA-256 of its weights, known before they are read; empty where it has none."""
        ...

    def unmet(self) -> tuple[str, ...]:
        """Name what is absent on this machine and how to get it; empty where features can be made."""
        ...

    def resize(self, shape: tuple[int, ...]) -> str:
        """Say how a sample of this shape comes to the size that is read; empty where it is read as it is."""
        ...

    def width(self, shape: tuple[int, ...]) -> int:
        """Return F, the number of features of a sample of this shape; raise `ValueError` for one it cannot read."""
        ...

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of x, (B, *shape) -> (B, F), each row of its own sample alone; images are in [0, 1]."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What a metric may read. `generated` and `reference` can be iterated any number of times."""

    model: Model  # in evaluation mode, with the weights that the protocol asks for
    data: Dataset  # the split that the protocol asks for
    generated: Draws
    reference: Draws
    shared: dict[Any, Any] = field(default_factory=dict)  # what metrics that read the same draws need not compute twice


class Draws(Protocol):
    """A fixed number of samples, yielded in chunks (b, *shape), the same ones at each iteration."""

    def __len__(self) -> int:
        """The number of samples."""
        ...

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks."""
        ...


class Metric(Protocol):
    """A number about a trained model: a frozen dataclass whose fields are the keys of ``[metrics.LABEL]``."""

    @property
    def better(self) -> Literal["lower", "higher"] | None:
        """Which direction is good; None where neither is."""
        ...

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State how the number will be made; raise `ValueError` where it would be meaningless."""
        ...

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number."""
        ...
