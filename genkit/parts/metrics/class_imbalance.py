"""Whether a model makes the classes of digits in the proportions of the data.

    TV = ½ Σ_c |p_c - q_c|

with p_c and q_c the shares of the data and of the samples that the classifier of digits (``extractors/digits.py``)
takes for class c. Both sides are classified, so that what it mistakes in both cancels. 0 is balance, 0.9 is one digit
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.extractors.digit_network import CLASSES
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.require_images import require_image
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.features import Side, features_of, protocol_of
from genkit.parts.metrics.split import Split

REMEDY = 'leave it out; "coverage", with features = "pixels" for example, tells of other data what is missing'


@dataclass(frozen=True)
class ClassImbalance(ModelMetric):
    """The total variation distance between the classes of samples and of data, as a classifier of digits sees them."""

    classifier: ClassVar[DigitFeatures] = DigitFeatures()

    samples: Annotated[PositiveInt, Doc("of each side")] = 5_000
    split: Annotated[Split, Doc('"test": what the data set holds out')] = "test"

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State the classifier. Raises `ValueError` for samples that it cannot read."""
        require_image(tuple(data.shape), (1,), "its classifier of digits", REMEDY)
        return protocol_of(self, self.classifier, data, {"classes": CLASSES})

    def compute(self, evaluation: Evaluation) -> float:
        """Return the distance, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        real, fake = (shares(evaluation, side, self.classifier) for side in ("reference", "generated"))
        return 0.5 * (real - fake).abs().sum().item()


def shares(evaluation: Evaluation, side: Side, classifier: DigitFeatures) -> Tensor:
    """Return the share of each class on one side, (10,) float64."""
    counts = torch.zeros(CLASSES, dtype=torch.float64)
    for features in features_of(evaluation, side, classifier):
        found = classifier.probabilities(features.float()).argmax(dim=1)
        counts += torch.bincount(found, minlength=CLASSES)
    return counts / counts.sum()
