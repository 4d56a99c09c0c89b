"""Interfaces of metrics: what a metric implements, and what it may read. Importing this module does not import torch.

A *metric* is one number about a trained model: a frozen dataclass whose fields are the keys of ``[metrics.LABEL]``.
It implements `Metric`: `better` says which direction is good; `protocol` returns everything that the number depends
on, before training starts; `compute` returns the number. A minimal metric:

    from dataclasses import dataclass

    import torch

    from genkit.api import Dataset, Evaluation, EvaluationProtocol, Model, ModelMetric, PositiveInt

    @dataclass(frozen=True)
    class MeanDistance(ModelMetric):
        samples: PositiveInt = 1000

        @property
        def better(self):
            return "lower"

        def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
            return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm)

        def compute(self, evaluation: Evaluation) -> float:
            real, fake = torch.cat(list(evaluation.reference)), torch.cat(list(evaluation.generated))
            return (fake.mean(dim=0) - real.mean(dim=0)).norm().item()

`genkit.api.ModelMetric` adds the keys ``weights`` and ``batch_norm``. genkit draws the samples and puts the model into
the state that the protocol asks for. Raise `ValueError` in `protocol` if the number would be meaningless for this data
or model, and in `compute` if the number turns out to be meaningless. The result then carries the reason in place of a
number.

A class may declare ``value_on_itself: ClassVar[float]``, its number for the reference samples in place of generated
ones, such as 0 for a distance. `genkit.testing` then holds it to that.

For pages it may declare what its number is out of: ``out_of: ClassVar[str]``, the detail of its protocol that is the
largest number of what it counts, or ``is_share: ClassVar[bool] = True`` for a number from 0 to 1. A page of a run then
shows "3 of 8", or "37.5 %". Another metric with a best possible number may declare ``value_scale:
ClassVar[tuple[float, float]]``, the number of a model without merit and the best one: (0.5, 1.0) for an AUROC. Tables
of results colour by the scale, see `genkit.evaluation.value_scale`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from genkit.core.dataset import Dataset
from genkit.core.protocol_words import details_in_words

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.model import Model

# Statistics that batch norms use: "running", the averages kept in training; "batch", those of the samples that are
# evaluated together; "recalibrated", those of the training data, computed again from the trained model.
PRIOR = "prior"  # detail of a protocol: the prior of the model, unless it is N(0, I)
LABELS = "generated classes"  # detail of a protocol: how they are drawn, if the model is conditional
INTERVAL = "interval"  # detail of a protocol: how the interval of the number is made
ERROR = "error of the model"
"""Detail of a protocol: the reconstruction error of the model, unless it is squared."""
IMPLIED = "implied "
"""Start of a detail of a protocol: the value of a key that is not set and that the model decides."""
BatchNormMode = Literal["running", "batch", "recalibrated"]
"""Statistics that batch norm uses in an evaluation: of training, of the samples, or computed again."""


@dataclass(frozen=True)
class EvaluationProtocol:
    """Everything that a number depends on. Numbers with different protocols cannot be compared."""

    samples: int
    """Number of generated samples, and of reference samples."""
    split: str
    """Split of the reference samples."""
    weights: Literal["raw", "ema"]
    batch_norm: BatchNormMode | None = None
    """Statistics that batch norm uses; None if the model has no batch norm."""
    extractor: str = ""
    """Feature extractor with the hash of its weights; empty: no features."""
    resize: str = ""
    """How samples are resized for the extractor; empty: not resized."""
    quantised: bool = False
    """Whether generated images are rounded to 8 bits, as in an image file."""
    details: Mapping[str, str | int | float] = field(default_factory=dict)
    """Settings of the metric by name, such as the range, bins and thresholds."""

    @property
    def comparable(self) -> EvaluationProtocol:
        """Protocol to compare numbers by.

        It ignores running statistics, because models without batch norm are comparable, and the prior, the
        reconstruction error with what it implies, and the condition, which are properties of the model. How the
        interval is made does not change the number either.
        """
        batch_norm = None if self.batch_norm == "running" else self.batch_norm
        ignored = (PRIOR, LABELS, ERROR, INTERVAL)
        details = {
            name: value for name, value in self.details.items() if name not in ignored and not name.startswith(IMPLIED)
        }
        return replace(self, batch_norm=batch_norm, details=details)

    @property
    def settings(self) -> dict[str, str]:
        """All settings by name, each as a reader sees it: ``samples`` is "100 samples".

        A setting of the metric is named ``details.NAME``.
        """
        settings = {
            "samples": f"{self.samples:,} samples",
            "split": "fresh draws of the data" if self.split == "drawn" else f"{self.split} split",
            "weights": f"{self.weights} weights",
        }
        if self.batch_norm is not None:
            settings["batch_norm"] = f"{self.batch_norm} batch norm"
        if self.extractor:
            settings["extractor"] = f"features {self.extractor}"
        if self.resize:
            settings["resize"] = f"resized {self.resize}"
        if self.quantised:
            settings["quantised"] = "8 bits"
        return settings | {f"details.{name}": text for name, text in details_in_words(self.details).items()}

    def __str__(self) -> str:
        """Return the protocol on one line."""
        return ", ".join(self.settings.values())


@runtime_checkable
class Extractor(Protocol):
    """Feature extractor for metrics: a frozen dataclass whose fields are the keys of the table that names it.

    Results are labelled with the extractor and the digest of its weights, so `digest` must be known before the weights
    are loaded. Loading weights with another digest must fail.
    """

    @property
    def name(self) -> str:
        """Name of the extractor, with all settings that change its features."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, known before they are loaded; empty for an extractor without weights."""
        ...

    def unmet(self) -> tuple[str, ...]:
        """Return what is missing on this machine, and how to get it; empty if nothing is missing."""
        ...

    def resize(self, shape: tuple[int, ...]) -> str:
        """Return how a sample of this shape is resized for the extractor; empty if it is not resized."""
        ...

    def width(self, shape: tuple[int, ...]) -> int:
        """Return F, the number of features of a sample of this shape. Raises `ValueError` for an unsuitable shape."""
        ...

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of x, (B, *shape) -> (B, F). Images are in [0, 1].

        The features of a sample must not depend on the other samples of the batch.
        """
        ...


ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""A function of `function` and `items` that yields function(item) for each item, in order.

Several processes share the items, so the function must be pure, and one that can be sent: a function of a module, a
method of the model, or a `functools.partial` of these. The main process computes another, such as a lambda, alone.
"""


@dataclass(frozen=True)
class Evaluation:
    """Input of a metric. `generated` and `reference` can be iterated any number of times."""

    model: Model
    """The model in evaluation mode, with the weights of the protocol."""
    data: Dataset
    """The split of the protocol."""
    generated: Draws
    """Samples of the model, as many as the protocol has."""
    reference: Draws
    """Samples of the data."""
    shared: dict[Any, Any] = field(default_factory=dict)
    """Results to share with other metrics of the same draws."""
    training: Dataset | None = None
    """The split that the model was trained on."""
    read: Callable[[Dataset, int], Draws] | None = None
    """Returns a number of samples of any data set."""
    parallel_map: ParallelMap = map
    """Computes a function of each chunk, on all processes."""
    labels: Callable[[Dataset, int], Tensor] | None = None
    """Classes of the samples that `read` returns, (N,) int64."""
    groups: Callable[[Dataset, int], Sequence[str] | None] | None = None
    """Their groups, one a sample; None for samples that are independent."""


class Draws(Protocol):
    """Fixed number of samples in chunks, (b, *shape). Each iteration yields the same samples."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks."""
        ...


def number_text(value: float, metric: object, protocol: EvaluationProtocol) -> str:
    """Return the number of a metric for a reader, with what it is out of if the class says so: "3 of 8", "37.5 %"."""
    if getattr(type(metric), "is_share", False) is True:
        return f"{100 * value:.5g} %"
    whole = protocol.details.get(getattr(type(metric), "out_of", ""))
    return f"{value:.5g}" if whole is None else f"{value:.5g} of {whole}"


class Metric(Protocol):
    """Number about a trained model: a frozen dataclass whose fields are the keys of ``[metrics.LABEL]``."""

    @property
    def better(self) -> Literal["lower", "higher"] | None:
        """Direction of better numbers; None if neither direction is better."""
        ...

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return everything that the number depends on. Raises `ValueError` if the number would be meaningless."""
        ...

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number. Raises `ValueError` if it is meaningless."""
        ...
