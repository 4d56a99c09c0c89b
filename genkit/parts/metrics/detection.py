"""Detection of abnormal samples: how well a score separates held-out data from another data set.

    auroc        P(score of other > score of data) + ½ P(equal)
    auprc        average precision; samples of the other data set are the positives
    fpr-at-tpr   share of data called abnormal where a share `tpr` of the other data set is found

The interval is the 95 % percentile interval of 1,000 bootstrap replicates of both sets, for the trained model as it is:
it does not cover the variation over seeds of the training. Replicates draw samples, or groups, such as patients, where
a data set has them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Le
from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Estimate,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveInt,
    Score,
    Split,
    part_name,
    require_score,
    split_and_samples,
)
from genkit.api.scoring import (
    MOST_SAMPLES,
    REPLICATES,
    auroc,
    average_precision,
    check_fit,
    details_of_model,
    drawn_in_replicates,
    fpr_at_tpr,
    groups_in,
    refuse_normal,
    refuse_trained_on,
    require_shape,
    samples_of_other,
    scores_of_both,
    split_of_other,
    with_interval,
)
from genkit.parts.scores.elbo import ELBO


@dataclass(frozen=True)
class DetectionMetric(ModelMetric, ABC):
    """Base class of metrics that separate the samples of a second data set from those of the first."""

    other: Annotated[Dataset, Doc("Data set of abnormal samples, of the shape of [data].")]
    score: Annotated[Score, Doc("Score of a sample, higher for more abnormal ones.")] = ELBO()
    samples: Annotated[
        PositiveInt | None, Doc("Number of samples of [data]; by default all of the split, at most 5,000.")
    ] = None
    split: Annotated[Split, Doc('Split of [data] to score; "test" is the held-out split.')] = "test"
    other_samples: Annotated[
        PositiveInt | None, Doc("Number of samples of the other data set; by default all of the split, at most 5,000.")
    ] = None
    other_split: Annotated[Split, Doc('Split of the other data set to score; "test" is the held-out split.')] = "test"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with both data sets and the score.

        Raises `ValueError` for a model that cannot give the score, for sets of different shapes, for an empty set, and
        for samples that are known to be normal too, or to have been trained on.
        """
        autoencoder = require_score(self.score, model)
        name, number = split_and_samples(data, self.split, self.samples, MOST_SAMPLES)
        if number == 0:
            raise ValueError(f"the {name} split of [data] has no samples, and two classes are needed")
        normal, other = data if self.split == "train" else data.held_out(), self.abnormal
        require_shape(other, normal.shape)
        refuse_normal(other, normal)
        refuse_trained_on(other, data)
        check_fit(self.score, data)
        details: Mapping[str, str | int | float] = {
            "data": part_name(normal, brief=True),
            "other": f"{part_name(other, brief=True)}, {self.abnormal_samples} samples of the {other.split} split",
            "score": part_name(self.score),
            **details_of_model(self.score, autoencoder),
            **self.settings,
            "interval": f"95 %, {REPLICATES} bootstrap replicates{drawn_in_replicates(normal, other)}",
        }
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=details)

    @property
    def abnormal(self) -> Dataset:
        """The split of the other data set that is scored."""
        return split_of_other(self.other, self.other_split)

    @property
    def abnormal_samples(self) -> int:
        """The number of samples of the other data set. Raises `ValueError` if it has too few or none."""
        return samples_of_other(self.abnormal, self.other_samples)

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The keys of this metric that change its number, for the protocol."""
        return {}

    @abstractmethod
    def statistic(self, normal: Tensor, abnormal: Tensor) -> Tensor:
        """Return the number for counts of scores (`genkit.bases.metrics.ranking`)."""

    def compute(self, evaluation: Evaluation) -> Estimate:
        """Return the number with its interval. Raises `ValueError` for samples or scores that are not finite."""
        normal, abnormal = scores_of_both(self.score, evaluation, self.abnormal, self.abnormal_samples)
        of_both = (
            groups_in(evaluation, evaluation.data, len(normal)),
            groups_in(evaluation, self.abnormal, self.abnormal_samples),
        )
        return with_interval(self.statistic, normal, abnormal, of_both)


@dataclass(frozen=True)
class AUROC(DetectionMetric):
    """Area under the ROC curve: the probability that an abnormal sample scores higher than a normal one."""

    value_scale: ClassVar[tuple[float, float]] = (0.5, 1.0)

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def statistic(self, normal: Tensor, abnormal: Tensor) -> Tensor:
        """Return the area, 0 to 1."""
        return auroc(normal, abnormal)


@dataclass(frozen=True)
class AUPRC(DetectionMetric):
    """Average precision, the area under the precision-recall curve; abnormal samples are the positives."""

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def statistic(self, normal: Tensor, abnormal: Tensor) -> Tensor:
        """Return the average precision, 0 to 1."""
        return average_precision(normal, abnormal)


@dataclass(frozen=True)
class FPRAtTPR(DetectionMetric):
    """Share of normal samples called abnormal, at the threshold that finds a share `tpr` of the abnormal ones."""

    tpr: Annotated[
        Annotated[float, Gt(0), Le(1)], Doc("Share of the abnormal samples that the threshold must find.")
    ] = 0.95

    value_scale: ClassVar[tuple[float, float]] = (1.0, 0.0)

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The share."""
        return {"tpr": self.tpr}

    def statistic(self, normal: Tensor, abnormal: Tensor) -> Tensor:
        """Return the share, 0 to 1."""
        return fpr_at_tpr(normal, abnormal, self.tpr)
