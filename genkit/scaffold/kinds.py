"""Kinds of parts of a new plugin, with what the template of each is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Kind of a part, as ``--kind`` names it."""

    MODEL = "model"
    PRIOR = "prior"
    LOSS = "loss"
    DIVERGENCE = "divergence"
    ERROR = "error"
    SCHEDULE = "schedule"
    DATASET = "dataset"
    METRIC = "metric"
    SCORE = "score"
    OPTIMISER = "optimiser"
    EXTRACTOR = "extractor"
    CALLBACK = "callback"


class Template(NamedTuple):
    """What the template of a kind supplies."""

    hook: str  # the name of the kind in `genkit.hooks.KINDS`
    label: str  # in a sentence
    summary: str  # of the entry
    source: str  # of the entry


TEMPLATES: dict[Kind, Template] = {
    Kind.MODEL: Template("models", "model", "Residual autoencoder of points", "https://arxiv.org/abs/1512.03385"),
    Kind.PRIOR: Template("priors", "prior", "Product of Laplace densities", "closed form"),
    Kind.LOSS: Template(
        "losses", "loss", "VAE whose encoder is consistent under noise", "https://arxiv.org/abs/2105.14859"
    ),
    Kind.DIVERGENCE: Template(
        "divergences", "divergence", "Squared Wasserstein-2 distance", "https://doi.org/10.1307/mmj/1029003026"
    ),
    Kind.ERROR: Template(
        "errors", "reconstruction error", "Charbonnier error", "https://doi.org/10.1109/ICIP.1994.413553"
    ),
    Kind.SCHEDULE: Template("schedules", "schedule", "Cyclical annealing", "https://arxiv.org/abs/1903.10145"),
    Kind.DATASET: Template("datasets", "data set", "Pictures of discs", "computed"),
    Kind.METRIC: Template("metrics", "metric", "Energy distance", "https://doi.org/10.1016/j.jspi.2013.03.018"),
    Kind.SCORE: Template("scores", "score", "Mean of the largest squared errors", "closed form"),
    Kind.OPTIMISER: Template("optimisers", "optimiser", "RAdam", "https://arxiv.org/abs/1908.03265"),
    Kind.EXTRACTOR: Template("extractors", "extractor", "Thumbnails of images", "closed form"),
    Kind.CALLBACK: Template("callbacks", "callback", "Stop a run whose posterior has collapsed", "genkit"),
}

# A part of the first kind is used by one of the second, and genkit's own parts of that kind take none.
NEEDS: dict[Kind, Kind] = {Kind.DIVERGENCE: Kind.LOSS}


def with_needed(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Return the kinds in the order of `Kind`, with those that they need."""
    needed = {NEEDS[kind] for kind in kinds if kind in NEEDS}
    return tuple(kind for kind in Kind if kind in {*kinds, *needed})
