"""Remark on a collapsed model, whose reconstructions of held-out samples are nearly all the same, or close to that.

Its scores and maps are numbers like any others, so only a look at the reconstructions would show it. docs/collapse.md
has the measurements that the threshold comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from genkit.core.dataset import Dataset
from genkit.core.global_generators import restored_generators
from genkit.core.model import Autoencoder, evaluating
from genkit.core.noise import Noise
from genkit.core.reconstructed_variance import ReconstructedVariance
from genkit.evaluation.reconstruct import reconstruct_samples
from genkit.evaluation.samples import IMAGE_CHUNK, selected_in_chunks
from genkit.runs.trained_models.sample_sets import SampleChunk, SampleSet

SAMPLES = 64  # that are reconstructed, spread over the split; fewer if there are no more
LEAST_SHARE = 0.05  # below it, a model has collapsed
LITTLE_SHARE = 0.15  # below it, a model reconstructs little
ALIKE = "nearly all the same, or unrelated to their samples"
AS_ERROR = "What is not reconstructed counts as an error in scores and maps."
FACT = "reconstructed_variance"  # name in the facts of a model folder


@dataclass(frozen=True)
class Reconstructed:
    """How much of the variance between samples their reconstructions follow."""

    share: float | None  # see `ReconstructedVariance.share`
    samples: int  # that were reconstructed
    weights: str  # that reconstructed them, "raw" or "ema"

    @property
    def percent(self) -> str:
        """The share as text; below zero it is none at all."""
        return "unknown" if self.share is None else f"{max(0.0, self.share):.1%}"

    @property
    def collapsed(self) -> bool:
        """Whether the model has collapsed, so that its scores and maps mean nothing."""
        return self.share is not None and self.share < LEAST_SHARE

    @property
    def reconstructs_little(self) -> bool:
        """Whether there is a remark: the model has collapsed, or is close to it."""
        return self.share is not None and self.share < LITTLE_SHARE

    @property
    def remark(self) -> str:
        """That the model has collapsed, or reconstructs little, and what to do; empty if neither is so."""
        return f"{self.finding} {self.advice}" if self.reconstructs_little else ""

    @property
    def finding(self) -> str:
        """What a model that reconstructs little does, in one or two sentences."""
        follow = f"reconstructions of {self.samples} unseen samples follow"
        share = f"{self.percent} of the variance between them ({self.weights} weights)"
        if self.collapsed:
            return (
                f"the model has collapsed, or is hardly trained: its {follow} {share}, so they are {ALIKE}. Its scores "
                "and maps mean nothing."
            )
        return (
            f"{follow} only {share}: the model is hardly trained, close to a collapse, or has few latent dimensions. "
            f"{AS_ERROR}"
        )

    @property
    def advice(self) -> str:
        """What to do about a model that reconstructs little."""
        average = ", and compare with the raw weights" if self.weights == "ema" else ""
        return f"Look at the reconstructions{average}; train longer, or lower beta_kl: docs/collapse.md"

    def remark_on(self, place: object) -> str:
        """The remark behind the place of the model; empty if it has not collapsed."""
        return f"{place}: {self.remark}" if self.remark else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in the types of JSON."""
        return asdict(self)

    def with_remark(self) -> dict[str, Any]:
        """Return the fields and the remark, which is None without one, in the types of JSON."""
        return {**self.as_dict(), "remark": self.remark or None}


def joint_remarks(models: Mapping[str, Reconstructed]) -> list[str]:
    """Return the remarks on models, by name. Those that reconstruct equally little of as many samples share one.

    Advice that several remarks have is given once, in the last of them.
    """
    alike: dict[tuple[bool, int, str], dict[str, Reconstructed]] = {}
    for name, model in models.items():
        if model.reconstructs_little:
            alike.setdefault((model.collapsed, model.samples, model.weights), {})[name] = model
    findings = [(_joint_finding(group), next(iter(group.values())).advice) for group in alike.values()]
    later = [{advice for _, advice in findings[number + 1 :]} for number in range(len(findings))]
    return [
        finding if advice in given else f"{finding} {advice}."
        for (finding, advice), given in zip(findings, later, strict=True)
    ]


def _joint_finding(alike: Mapping[str, Reconstructed]) -> str:
    """Return the finding of one model, or one of several that have collapsed, or that have not, with their shares."""
    first = next(iter(alike.values()))
    if len(alike) == 1:
        return f"{next(iter(alike))}: {first.finding}"
    names, *shares = ", ".join(alike), *(model.percent for model in alike.values())
    shown = f"{', '.join(shares[:-1])} and {shares[-1]}"
    between = f"of the variance between these, in this order ({first.weights} weights)"
    follow = f"reconstructions of {first.samples} unseen samples follow"
    if first.collapsed:
        return (
            f"{names}: the models have collapsed, or are hardly trained. Their {follow} {shown} {between}, so they are "
            f"{ALIKE}. Their scores and maps mean nothing."
        )
    return (
        f"{names}: {follow} only {shown} {between}. The models are hardly trained, close to a collapse, or have few "
        f"latent dimensions. {AS_ERROR}"
    )


def reconstructed_in(facts: Mapping[str, Any]) -> Reconstructed | None:
    """Return what a run has measured at its end, from the facts of its model; None if they do not say it."""
    match facts.get(FACT):
        case {"share": int() | float() | None as share, "samples": int(samples), "weights": str(weights)}:
            return Reconstructed(share, samples, weights)
    return None


def reconstructed_held_out(model: Autoencoder, held_out: Dataset, noise: Noise, weights: str) -> Reconstructed:
    """Reconstruct samples of the held-out split, those of `genkit.evaluation.samples.select_samples`."""
    variance = ReconstructedVariance()
    with evaluating(model):
        for _, (x, _, extra) in selected_in_chunks(SAMPLES, model, held_out, noise):
            variance.add(x, reconstruct_samples(model, x, extra))
    return Reconstructed(variance.share, variance.count, weights)


class ReconstructedSet:
    """A set of samples that is read once; a few of them, spread over the set, are reconstructed on the way.

    So nothing is read twice. The random generators are as they would be without it, so results of the reader do not
    change.
    """

    def __init__(self, model: Autoencoder, samples: SampleSet, weights: str):
        self.samples = samples
        self._model, self._weights = model, weights
        self._variance = ReconstructedVariance()

    def __iter__(self) -> Iterator[SampleChunk]:
        """Yield the chunks of the set. The model is in evaluation mode. Raises what the set raises."""
        total = len(self.samples)
        count = min(SAMPLES, total)
        chosen = {place * total // count for place in range(count)}  # as `select_samples` chooses them
        start = 0
        for chunk in self.samples:
            yield chunk  # first, so that what is wrong with the chunk is reported by its reader
            rows = [row for row in range(len(chunk.names)) if start + row in chosen]
            start += len(chunk.names)
            if rows:
                self._reconstruct(chunk.x[rows])

    def _reconstruct(self, x: Tensor) -> None:
        with restored_generators(), torch.no_grad(), self._model.given(None):
            for some in x.split(IMAGE_CHUNK):
                self._variance.add(some, self._model.reconstruct(some))

    @property
    def reconstructed(self) -> Reconstructed:
        """What the samples that have been read show."""
        return Reconstructed(self._variance.share, self._variance.count, self._weights)
