"""Scores of the user's own pictures beside those of normal pictures, and the threshold that the normal ones give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.bases.metrics.ranking import auroc, average_precision, counts_of, fpr_at_tpr, with_interval
from genkit.bases.metrics.scoring import SEED, raw_scores
from genkit.bases.metrics.threshold import threshold_at
from genkit.console.output import progress_count
from genkit.core.estimate import Estimate
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Autoencoder, evaluating
from genkit.core.score import Score, require_score
from genkit.errors import UsageError
from genkit.runs.trained_models.collapse import Reconstructed, ReconstructedSet
from genkit.runs.trained_models.sample_sets import SampleChunk, SampleSet
from genkit.runs.trained_models.trained import Trained
from genkit.runs.user_pictures.normal_rate import check_rate
from genkit.runs.user_pictures.sets_to_score import SetsToScore, fitted_to_training

TPR = 0.95
MOST_NAMED = 3  # pictures in a message about scores that are not finite


@dataclass(frozen=True)
class ScoredSet:
    """The scores of a set."""

    name: str
    described: str
    names: list[str]  # of the pictures
    scores: Tensor  # (N,) float64, finite
    remark: str = ""  # on the values of the files
    values: Mapping[str, Any] | None = None  # their range; None without levels
    groups: Sequence[str] | None = None  # of the pictures; None if they are independent

    @property
    def median(self) -> float:
        """The median; for an even number, the mean of the two scores in the middle."""
        ordered, half = self.scores.sort().values, len(self.scores) // 2
        return (ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2).item()

    def above(self, threshold: float) -> int:
        """Return the number of pictures that are abnormal."""
        return int((self.scores > threshold).sum())


@dataclass(frozen=True)
class Separation:
    """How well the scores separate a set from the normal pictures, if all pictures of the set are abnormal."""

    auroc: Estimate  # with its 95 % interval
    auprc: float
    fpr: float  # at a true positive rate of TPR


@dataclass(frozen=True)
class ScoredSets:
    """The scores of all sets, and the threshold above which a picture is abnormal."""

    normal: ScoredSet
    others: list[ScoredSet]
    threshold: float
    reconstructed: Reconstructed  # normal pictures, which show whether the model has collapsed

    @property
    def every(self) -> list[ScoredSet]:
        """All sets, the normal pictures first."""
        return [self.normal, *self.others]

    def separation(self, other: ScoredSet) -> Separation:
        """Return the numbers of a set, as the metrics of the same names compute them."""
        normal, abnormal, _ = counts_of(self.normal.scores, other.scores)
        return Separation(
            with_interval(auroc, self.normal.scores, other.scores, (self.normal.groups, other.groups)),
            average_precision(normal, abnormal).item(),
            fpr_at_tpr(normal, abnormal, TPR).item(),
        )


def check_scores(path: Path, trained: Trained, score: Score, name: str) -> Autoencoder:
    """Return the model. Raises `UsageError` if it cannot give the score, which the option `--score name` asks for."""
    if not isinstance(trained.model, Autoencoder):
        raise UsageError(f"{path}: the model, {type(trained.model).__name__}, has no encoder, so it gives no scores.")
    try:
        return require_score(score, trained.model)
    except ValueError as error:
        raise UsageError(f"--score {name}: {error}.") from None


def score_sets(
    path: Path, trained: Trained, model: Autoencoder, score: Score, sets: SetsToScore, fpr: float
) -> ScoredSets:
    """Return the scores of all sets, with the threshold at the false positive rate `fpr`.

    A score that must be fitted is fitted to training samples of the run. Raises `UsageError` if the normal pictures are
    too few for the rate, if a picture cannot be used, if a score is not finite, and if training data are needed and
    missing.
    """
    check_rate(len(sets.normal), fpr, f"The normal samples are {sets.normal.described}")
    with evaluating(model), seeded_generators(SEED):
        fitted = fitted_to_training(path, trained, model, score, sets.data)
        with progress_count("scoring pictures", sum(map(len, sets.every))) as advance:
            watched = ReconstructedSet(model, sets.normal, trained.weights)
            normal = _scored(model, fitted, sets.normal, watched, advance)
            others = [_scored(model, fitted, each, each, advance) for each in sets.others]
    return ScoredSets(normal, others, threshold_at(normal.scores, fpr), watched.reconstructed)


def _scored(
    model: Autoencoder,
    score: Score,
    samples: SampleSet,
    chunks: Iterable[SampleChunk],
    advance: Callable[[int], None],
) -> ScoredSet:
    scores: list[Tensor] = []
    names: list[str] = []
    for chunk in chunks:
        try:
            scores.append(raw_scores(model, score, chunk.x))
        except ValueError as error:
            raise UsageError(f"{samples.name}: {error}.") from None
        names += chunk.names
        advance(len(chunk.names))
    found = torch.cat(scores)
    if bad := (~found.isfinite()).nonzero().flatten().tolist():
        shown = ", ".join(names[index] for index in bad[:MOST_NAMED]) + ", ..." * (len(bad) > MOST_NAMED)
        raise UsageError(
            f"{samples.name}: the scores of {len(bad):,} of {samples.described} are not finite: {shown}. "
            "Use another score, or weights of a training that did not diverge."
        )
    return ScoredSet(samples.name, samples.described, names, found, samples.remark(), samples.values(), samples.groups)
