"""Probes: the accuracy of labels that a simple classifier predicts from codes.

A code is the posterior mean μ(x). The classifier is fitted to codes of training samples and their labels, and tested on
held-out samples. Codes are first standardised with the mean and the standard deviation (divided by N, not N - 1) of the
training codes, so all dimensions count alike, however small their variance is; dimensions without variance are 0.

The interval is Wilson's, of 95 %, for a share of N independent samples (Wilson 1927, https://doi.org/10.2307/2276774).
It is for the fitted classifier: it does not cover the choice of training samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from genkit.bases.metrics.model_metric import ModelMetric
from genkit.bases.metrics.split import split_and_samples
from genkit.core.condition import Conditional
from genkit.core.dataset import Dataset, LabelledDataset
from genkit.core.estimate import Estimate
from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Autoencoder, Model

MOST, MOST_TO_FIT = 5_000, 10_000  # samples, if the recipe does not give a number
QUANTILE = 1.959963984540054  # of the standard normal distribution at 97.5 %


class LabelledCodes(NamedTuple):
    """Standardised codes of training and of held-out samples, with the numbers of their classes."""

    fit: Tensor
    """Codes of the training samples, (M, L) float64."""
    fit_classes: Tensor
    """Their classes, (M,) int64, from 0 to C - 1."""
    test: Tensor
    """Codes of the held-out samples, (N, L) float64."""
    test_classes: Tensor
    """Their classes, (N,) int64."""
    classes: int
    """C, the number of classes."""


@dataclass(frozen=True)
class Probe(ModelMetric, ABC):
    """Base class of probes."""

    samples: Annotated[
        PositiveInt | None, Doc("Number of held-out samples to classify; by default all, at most 5,000.")
    ] = None
    fit_samples: Annotated[
        PositiveInt | None, Doc("Number of training samples to fit to; by default all, at most 10,000.")
    ] = None

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the classifier and the number of samples that it is fitted to.

        Raises `ValueError` unless the model has an encoder that does not know the classes, and the data have labels and
        both splits with enough samples.
        """
        if not isinstance(model, Autoencoder):
            raise ValueError("the model has no posterior q(z|x); a probe needs an autoencoder. Leave it out")
        if any(isinstance(module, Conditional) for module in model.encoder.modules()):
            raise ValueError("the encoder is given the class that a probe predicts from its codes. Leave the probe out")
        known = data.has_labels() if isinstance(data, LabelledDataset) else None
        if known is False or data.split == "drawn":
            raise ValueError("the samples of [data] have no labels, which a probe predicts. Leave the probe out")
        if data.split == data.held_out().split:
            raise ValueError(
                f"[data] reads the {data.split} split for training too, so a probe would be tested on the samples that "
                'it is fitted to. Set split = "train" in [data]'
            )
        name, number = split_and_samples(data, "test", self.samples, MOST)
        fitted = self._samples_to_fit(data)
        self.check_samples_to_fit(fitted)
        details: Mapping[str, str | int | float] = {
            "codes": "posterior means, standardised",
            "fitted": f"{fitted} samples of the {data.split} split",
            **self.settings,
            "interval": "95 %, Wilson",
        }
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=details)

    def _samples_to_fit(self, data: Dataset) -> int:
        return split_and_samples(data, "train", self.fit_samples, MOST_TO_FIT, key="fit_samples")[1]

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, str | int | float]:
        """The classifier with its keys, for the protocol."""

    def check_samples_to_fit(self, number: int) -> None:
        """Raise `ValueError` if so many training samples are too few."""
        if number < 2:
            raise ValueError(f"a probe cannot be fitted to {number} sample; give fit_samples = 2 or more")

    @abstractmethod
    def predict(self, codes: LabelledCodes) -> Tensor:
        """Return the class of each held-out sample, (N,) int64. Raises `ValueError` if the fit fails."""

    def compute(self, evaluation: Evaluation) -> Estimate:
        """Return the accuracy, 0 to 1, with its interval.

        Raises `ValueError` for data without labels, for one class, for held-out samples of a class that the training
        samples lack, and for codes that are not finite or all the same.
        """
        assert evaluation.training is not None
        key = ("labelled codes", self.fit_samples)  # samples are part of what decides `shared`
        if key not in evaluation.shared:
            to_fit = self._samples_to_fit(evaluation.training)
            evaluation.shared[key] = labelled_codes(evaluation, evaluation.training, to_fit)
        codes = evaluation.shared[key]
        right = int((self.predict(codes) == codes.test_classes).sum())
        return Estimate(right / len(codes.test), wilson_interval(right, len(codes.test)))


def labelled_codes(evaluation: Evaluation, training: Dataset, samples_to_fit: int) -> LabelledCodes:
    """Return the standardised codes of both splits. Raises `ValueError` as `Probe.compute` does."""
    assert evaluation.labels is not None
    fit_labels = evaluation.labels(training, samples_to_fit)
    test_labels = evaluation.labels(evaluation.data, len(evaluation.reference))
    classes = fit_labels.unique()
    if len(classes) < 2:
        raise ValueError(f"all {samples_to_fit} training samples have the label {classes[0]}, so nothing is predicted")
    if unknown := set(test_labels.tolist()) - set(classes.tolist()):
        raise ValueError(
            f"held-out samples have the label {min(unknown)}, but none of {samples_to_fit} training samples has it. "
            "Set a larger fit_samples"
        )
    fit = _codes(evaluation, training, samples_to_fit)
    test = _codes(evaluation, evaluation.data, len(evaluation.reference))
    mean, deviation = fit.mean(dim=0), fit.std(dim=0, correction=0)
    constant = (fit == fit[0]).all(dim=0)
    if constant.all():
        raise ValueError("all training samples have the same code, so it predicts nothing")
    scale = torch.where(constant, 0.0, 1 / deviation)
    return LabelledCodes(
        (fit - mean) * scale,
        torch.searchsorted(classes, fit_labels),
        (test - mean) * scale,
        torch.searchsorted(classes, test_labels),
        len(classes),
    )


def wilson_interval(right: int, number: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, of which `right` of `number` were observed."""
    share, squared = right / number, QUANTILE**2 / number
    centre = share + squared / 2
    half = QUANTILE * math.sqrt(share * (1 - share) / number + squared / (4 * number))
    low, high = (centre - half) / (1 + squared), (centre + half) / (1 + squared)
    return min(max(low, 0.0), share), max(min(high, 1.0), share)  # against rounding at 0 and 1


def _codes(evaluation: Evaluation, data: Dataset, samples: int) -> Tensor:
    """Return the posterior means, (N, L) float64. `read` gives no labels to the model: they are what is predicted."""
    assert evaluation.read is not None and isinstance(evaluation.model, Autoencoder)
    of_chunk = partial(_codes_of_chunk, evaluation.model, data.split)
    return torch.cat([*evaluation.parallel_map(of_chunk, evaluation.read(data, samples))])


def _codes_of_chunk(model: Autoencoder, split: str, chunk: Tensor) -> Tensor:
    codes: Tensor = model.encoder(chunk).mu.cpu().double()
    if not codes.isfinite().all():
        raise ValueError(f"the posteriors of the {split} split are not finite")
    return codes
