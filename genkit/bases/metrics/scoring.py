"""Scores of the samples of a data set, (N,) float64: one number a sample is all that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from genkit.core.dataset import Dataset, GroupedDataset
from genkit.core.metric import ERROR, IMPLIED, Draws, Evaluation
from genkit.core.model import Autoencoder
from genkit.core.part_name import part_name
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import Score
from genkit.core.squared_error import SquaredError

MOST_SAMPLES = 5_000
"""Number of samples of each data set that are scored, if the recipe does not give one and there are as many."""
SEED = 0  # of the noise of scores that draw: a score does not depend on the seed of a run


def scores_of_both(
    score: Score, evaluation: Evaluation, abnormal: Dataset, abnormal_samples: int
) -> tuple[Tensor, Tensor]:
    """Return the scores of the reference samples, (N,), and of samples of another data set, (M,). Metrics share both.

    Raises `ValueError` for samples or scores that are not finite.
    """
    named = repr(score)  # with all keys
    of_other = ("scores", named, repr(abnormal), abnormal_samples)
    if of_other not in evaluation.shared:
        fitted = fitted_score(score, evaluation)
        if ("scores", named) not in evaluation.shared:
            evaluation.shared["scores", named] = scores_of(fitted, evaluation, evaluation.reference, "the data")
        other = read_samples(evaluation, abnormal, abnormal_samples)
        evaluation.shared[of_other] = scores_of(fitted, evaluation, other, "the other data set")
    return evaluation.shared["scores", named], evaluation.shared[of_other]


def groups_in(evaluation: Evaluation, data: Dataset, samples: int) -> Sequence[str] | None:
    """Return the groups of the samples that `read` returns; None if they are independent."""
    return None if evaluation.groups is None else evaluation.groups(data, samples)


def drawn_in_replicates(*data: Dataset) -> str:
    """Return what a bootstrap of these data draws, for a protocol: nothing to say of samples, or ``of groups``."""
    return " of groups" if any(isinstance(each, GroupedDataset) and each.has_groups for each in data) else ""


def details_of_model(score: Score, model: Autoencoder) -> dict[str, str | int | float]:
    """Return what a protocol says of the model: its reconstruction error unless it is squared, and implied keys."""
    error = model.reconstruction_error
    of_error = {} if error == SquaredError() else {ERROR: part_name(error)}
    return {**of_error, **{IMPLIED + key: value for key, value in score.implied(model).items()}}


def fitted_score(score: Score, evaluation: Evaluation) -> Score:
    """Return the score, fitted to samples that the model was trained on, if it needs any."""
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `protocol` refuses other models
    if score.samples_to_fit == 0:
        return score
    assert evaluation.training is not None
    return score.fitted(model, read_samples(evaluation, evaluation.training, score.samples_to_fit))


def check_fit(score: Score, data: Dataset) -> None:
    """Raise `ValueError` if the training data have fewer samples than the score is fitted to."""
    size = known_size(data)
    if size is not None and score.samples_to_fit > size:
        raise ValueError(
            f"the score is fitted to {score.samples_to_fit} samples, but [data] has only {size}. Set samples = {size} "
            "or less in the table of the score"
        )


def known_size(data: Dataset) -> int | None:
    """Return the number of samples; None for data that are missing on this machine, or never end."""
    return None if data.unmet() else data.size


def read_samples(evaluation: Evaluation, data: Dataset, samples: int) -> Draws:
    """Return samples of any data set."""
    assert evaluation.read is not None
    return evaluation.read(data, samples)


def scores_of(score: Score, evaluation: Evaluation, samples: Draws, name: str) -> Tensor:
    """Return the scores of samples, (N,) float64 on the CPU. `name` is that of the samples in messages.

    Raises `ValueError` for samples or scores that are not finite.
    """
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `protocol` refuses other models
    of_chunk = partial(score_of_chunk, model, score, name)
    return torch.cat([*evaluation.parallel_map(of_chunk, samples)])


def score_of_chunk(model: Autoencoder, score: Score, name: str, x: Tensor) -> Tensor:
    """Return the scores of one chunk, (b, *data_shape) -> (b,) float64 on the CPU.

    A score judges samples whose class is unknown, so a conditional model has no condition.
    """
    if not x.isfinite().all():
        raise ValueError(f"some values of {name} are not finite")
    if x.dim() == 4 and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"images of {name} have values from {x.min().item():g} to {x.max().item():g}, but the model reads [0, 1]. "
            "Scale them"
        )
    found = raw_scores(model, score, x)
    not_finite = int((~found.isfinite()).sum())
    if not_finite:
        raise ValueError(f"the scores of {not_finite} of {len(x)} samples of {name} are not finite")
    return found


def raw_scores(model: Autoencoder, score: Score, x: Tensor) -> Tensor:
    """Return the scores of samples, (b, *data_shape) -> (b,) float64 on the CPU, which may not be finite.

    Raises `ValueError` if the score does not return one number a sample.
    """
    with model.given(None):
        found = score(model, x, noise_of_samples(SEED, "score", x))
    if found.shape != (len(x),):
        raise ValueError(
            f"the score {type(score).__name__} returned the shape {tuple(found.shape)} for {len(x)} samples. Return "
            "one number a sample, (B,)"
        )
    return found.detach().cpu().double()
