"""Localisation: how well the map of a score finds the abnormal pixels of a data set with masks.

All pixels of all pictures of the data set `other` are ranked together, those of pictures without an abnormal pixel
included; `[data]` gives the threshold of `dice` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from genkit.api import Dataset, Doc, Evaluation, PositiveInt, split_and_samples
from genkit.api.scoring import (
    MOST_SAMPLES,
    MaskedChunk,
    PixelReplicates,
    Statistic,
    auroc,
    average_precision,
    best_dice,
    dice,
    dice_above,
    edges_above,
    fitted_score,
    pixel_replicates,
    pixel_threshold,
    pixel_values,
    raw_maps,
    require_few_pixels,
    samples_above,
    with_picture_interval,
)
from genkit.parts.metrics.localisation_metric import LocalisationMetric, autoencoder_of


@dataclass(frozen=True)
class RankingMetric(LocalisationMetric, ABC):
    """Base class of metrics over all thresholds."""

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number with its interval. Raises `ValueError` for masks of one class, and maps not finite."""
        return ranked(self.maps(evaluation), self.statistic, self.groups(evaluation))

    @property
    @abstractmethod
    def statistic(self) -> Statistic:
        """The number for counts of pixels."""


def ranked(chunks: list[MaskedChunk], statistic: Statistic, groups: Sequence[str] | None = None) -> float:
    """Return a statistic of all pixels, with its interval over pictures, or over their groups."""
    values = pixel_values(chunks, sum(chunk.maps.size for chunk in chunks))
    replicates = _replicates(chunks, values.levels(), groups)
    return with_picture_interval(statistic(*values.counts()).item(), statistic, replicates)


def _replicates(chunks: list[MaskedChunk], edges: np.ndarray, groups: Sequence[str] | None) -> PixelReplicates:
    marked = np.concatenate([chunk.masks.any(axis=(1, 2)) for chunk in chunks])
    return pixel_replicates(chunks, marked, edges, groups)


@dataclass(frozen=True)
class PixelAUROC(RankingMetric):
    """Area under the ROC curve of pixels: the probability that an abnormal one has a higher value than a normal one."""

    value_scale: ClassVar[tuple[float, float]] = (0.5, 1.0)

    @property
    def statistic(self) -> Statistic:
        """The area, 0 to 1."""
        return auroc


@dataclass(frozen=True)
class PixelAUPRC(RankingMetric):
    """Average precision of pixels; abnormal pixels are the positives."""

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def statistic(self) -> Statistic:
        """The average precision, 0 to 1."""
        return average_precision


@dataclass(frozen=True)
class Dice(LocalisationMetric):
    """Dice coefficient of the pixels above a threshold and the masks: the best threshold, or that of a given rate."""

    fpr: Annotated[
        Annotated[float, Gt(0), Lt(1)] | None,
        Doc(
            "Share of the pixels of held-out [data] that may be above the threshold; by default the threshold is the "
            "one with the best Dice coefficient, which only the masks of the other data set tell."
        ),
    ] = None
    samples: Annotated[
        PositiveInt | None,
        Doc("Number of held-out samples of [data] that give the threshold; by default all, at most 5,000."),
    ] = None

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def reference(self, data: Dataset) -> tuple[str, int]:
        """Return the held-out split and the number of its samples that give the threshold; else as other metrics."""
        if self.fpr is None:
            if self.samples is not None:
                raise ValueError("samples give the threshold of a rate. Set fpr, or leave samples out")
            return super().reference(data)
        name, number = split_and_samples(data, "test", self.samples, MOST_SAMPLES)
        pixels = number * prod(data.shape[1:])
        require_few_pixels(pixels)
        samples_above(pixels, self.fpr)
        return name, number

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The rule of the threshold."""
        return {"threshold": "the best"} if self.fpr is None else {"fpr": self.fpr}

    def compute(self, evaluation: Evaluation) -> float:
        """Return the coefficient with its interval. Raises `ValueError` for masks of one class, and maps not finite."""
        chunks = self.maps(evaluation)
        if self.fpr is None:
            return ranked(chunks, best_dice)
        of_chunk = partial(raw_maps, autoencoder_of(evaluation), fitted_score(self.score, evaluation), self.smooth)
        pixels = len(evaluation.reference) * prod(self.marked.shape[1:])
        threshold = pixel_threshold(evaluation.parallel_map(of_chunk, evaluation.reference), pixels, self.fpr)
        values = pixel_values(chunks, sum(chunk.maps.size for chunk in chunks))
        replicates = _replicates(chunks, edges_above(threshold), self.groups(evaluation))
        return with_picture_interval(dice_above(values, threshold), dice, replicates)
