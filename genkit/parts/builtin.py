"""Built-in parts of genkit, supplied through the same hooks as the parts of plugins.

A new part is a file under `genkit/parts/KIND/`, and one `Entry` in the `__init__.py` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from genkit.hooks import Entry, hookimpl
from genkit.parts import (
    callbacks,
    datasets,
    divergences,
    errors,
    extractors,
    losses,
    metrics,
    models,
    optimisers,
    priors,
    schedules,
    scores,
)

genkit_hooks = 1


@hookimpl
def genkit_models() -> Iterable[Entry]:
    """Supply networks for points and for images."""
    return models.ENTRIES


@hookimpl
def genkit_priors() -> Iterable[Entry]:
    """Supply N(0, I), mixtures of Gaussians, and a Gaussian for each class."""
    return priors.ENTRIES


@hookimpl
def genkit_losses() -> Iterable[Entry]:
    """Supply the baseline."""
    return losses.ENTRIES


@hookimpl
def genkit_errors() -> Iterable[Entry]:
    """Supply errors of reconstructions."""
    return errors.ENTRIES


@hookimpl
def genkit_divergences() -> Iterable[Entry]:
    """Supply divergences with a closed form."""
    return divergences.ENTRIES


@hookimpl
def genkit_schedules() -> Iterable[Entry]:
    """Supply schedules of weights and learning rates."""
    return schedules.ENTRIES


@hookimpl
def genkit_datasets() -> Iterable[Entry]:
    """Densities in two dimensions, published image sets, and user pictures."""
    return datasets.ENTRIES


@hookimpl
def genkit_metrics() -> Iterable[Entry]:
    """Metrics of points, reconstructions, posteriors and features."""
    return metrics.ENTRIES


@hookimpl
def genkit_scores() -> Iterable[Entry]:
    """Scores of how abnormal a sample is."""
    return scores.ENTRIES


@hookimpl
def genkit_extractors() -> Iterable[Entry]:
    """Feature extractors: the sample itself, a digit classifier, and the Inception network of FID."""
    return extractors.ENTRIES


@hookimpl
def genkit_optimisers() -> Iterable[Entry]:
    """Supply Adam and AdamW."""
    return optimisers.ENTRIES


@hookimpl
def genkit_callbacks() -> Iterable[Entry]:
    """Supply early stopping."""
    return callbacks.ENTRIES
