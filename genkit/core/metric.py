"""The vocabulary of evaluation: what a metric states, and what it may read. Importing it does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from genkit.core.types import Dataset

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.model import Model

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
