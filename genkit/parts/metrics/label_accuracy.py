"""Label accuracy: the share of generated digits that the digit classifier assigns to the class they were drawn for.

    accuracy = 1/N Σ_n [ c(x_n) = y_n ],   y_n ~ frequencies of the training data,  x_n ~ model given y_n

c is the classifier behind the extractor ``digits`` (``extractors/digits.py``), which is right for 99.7 % of digits of
MNIST's test set. Chance is 0.1 for equal frequencies. A model that generates one perfect digit for each class has 1, so
read it beside a metric of variety, such as recall.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

from torch import Tensor

from genkit.api import (
    Dataset,
    DigitsDataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PlaceholderDataset,
    PositiveInt,
    features_of_chunk,
)
from genkit.parts.extractors.digit_network import CLASSES
from genkit.parts.extractors.digits import DigitFeatures


@dataclass(frozen=True)
class LabelAccuracy(ModelMetric):
    """The share of generated digits that are of the class they were drawn for, 0 to 1."""

    classifier: ClassVar[DigitFeatures] = DigitFeatures()
    is_share: ClassVar[bool] = True

    samples: Annotated[PositiveInt, Doc("Number of generated samples.")] = 5_000

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, which names the classifier.

        Raises `ValueError` for data whose labels are no digits, and for a model that is not conditional.
        """
        if not isinstance(data, DigitsDataset) or not data.labels_are_digits:
            raise ValueError(
                'only the labels of the data sets "digits" and "mnist" are digits, which the classifier recognises. '
                "Leave label-accuracy out"
            )
        if model.condition_classes is None:
            raise ValueError(
                "the model is not conditional, so its samples have no classes. Leave label-accuracy out, or set "
                '[model.prior] use = "per-class"'
            )
        if model.condition_classes > CLASSES:
            raise ValueError(f"the model has {model.condition_classes} classes, and there are {CLASSES} digits")
        shape = tuple(data.shape)
        return EvaluationProtocol(
            self.samples,
            data.held_out().split,
            self.weights,
            self.batch_norm,
            extractor=f"{self.classifier.name} {self.classifier.digest[:8]}",
            resize=self.classifier.resize(shape),
            quantised=True,
            details={"classes": CLASSES, "of": "generated samples"},
        )

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1.

        Raises `ValueError` if a sample is not finite, and for data that only try a recipe: their classes are no digits.
        """
        if isinstance(evaluation.data, PlaceholderDataset):
            raise ValueError(
                "the data are generated to try the recipe, so no class is a digit. Train on the digits of the recipe"
            )
        of_chunk = partial(_correct_of_chunk, evaluation.model, self.classifier)
        correct = sum(evaluation.parallel_map(of_chunk, evaluation.generated))
        return correct / len(evaluation.generated)


def _correct_of_chunk(model: Model, classifier: DigitFeatures, chunk: Tensor) -> int:
    """Return the number of samples of a chunk that are classified as the class of their row."""
    labels = model.given_labels
    assert labels is not None  # an evaluation gives the drawn classes of generated samples
    features = features_of_chunk(classifier, "generated", chunk)
    return int((classifier.probabilities(features).argmax(dim=1) == labels.cpu()).sum())
