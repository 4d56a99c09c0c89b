"""Class imbalance: the difference between the class frequencies of generated digits and of data.

    TV = ½ Σ_c |p_c - q_c|

p_c and q_c are the shares of data and of generated samples that the digit classifier (``extractors/digits.py``) assigns
to class c. It classifies both sides, so mistakes that it makes on both cancel. 0 means equal frequencies; samples of
one digit alone give 0.9 if the data are balanced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveInt,
    Side,
    Split,
    features_of,
    protocol_of,
    require_image,
)
from genkit.parts.extractors.digit_network import CLASSES
from genkit.parts.extractors.digits import DigitFeatures

REMEDY = 'Leave class-imbalance out. To detect missing data, use coverage, for example with features = "pixels"'


@dataclass(frozen=True)
class ClassImbalance(ModelMetric):
    """The total variation distance between the class frequencies of generated digits and of data, 0 to 1."""

    classifier: ClassVar[DigitFeatures] = DigitFeatures()

    samples: Annotated[PositiveInt, Doc("Number of generated samples, and of data samples to compare with.")] = 5_000
    split: Annotated[Split, Doc('Split of the data to compare with; "test" is the held-out split.')] = "test"

    value_on_itself: ClassVar[float] = 0.0
    value_scale: ClassVar[tuple[float, float]] = (1.0, 0.0)

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, which names the classifier. Raises `ValueError` unless samples are grey images."""
        require_image(tuple(data.shape), (1,), "the digit classifier", REMEDY)
        return protocol_of(self, self.classifier, data, {"classes": CLASSES})

    def compute(self, evaluation: Evaluation) -> float:
        """Return the distance, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        real, fake = (class_shares(evaluation, side, self.classifier) for side in ("reference", "generated"))
        return 0.5 * (real - fake).abs().sum().item()


def class_shares(evaluation: Evaluation, side: Side, classifier: DigitFeatures) -> Tensor:
    """Return the share of each class among the samples of one side, (10,) float64."""
    counts = torch.zeros(CLASSES, dtype=torch.float64)
    for features in features_of(evaluation, side, classifier):
        predicted = classifier.probabilities(features.float()).argmax(dim=1)
        counts += torch.bincount(predicted, minlength=CLASSES)
    return counts / counts.sum()
