"""Defaults of metrics that a publication fixes, beside their sources: a recipe without keys follows them."""

from pathlib import Path

import pytest

from genkit.parts.extractors.inception import Inception
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.frechet import FID
from genkit.parts.metrics.gnelbo import GridNormalisedELBO
from genkit.parts.metrics.histogram import HistogramJSD, HistogramKL
from genkit.parts.metrics.kernel import KernelDistance
from genkit.parts.metrics.modes import HighQuality, Modes
from genkit.parts.metrics.posterior import ActiveUnits
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.metrics.published_2d import ReferenceJSD, ReferenceKL

PUBLISHED_2D = {"samples": 5_000}  # calculate_sample_kl of Soft-IntroVAE
DEFAULTS = [
    (ReferenceKL(), PUBLISHED_2D),
    (ReferenceJSD(), PUBLISHED_2D),
    (GridNormalisedELBO(), {"samples": 100 * 128}),  # calculate_elbo_with_grid: num_iter times batch_size
    (PrecisionMetric(Pixels()), {"k": 3}),  # Kynkäänniemi et al. 2019
    (RecallMetric(Pixels()), {"k": 3}),
    (DensityMetric(Pixels()), {"k": 5}),  # Naeem et al. 2020
    (CoverageMetric(Pixels()), {"k": 5}),
    (FID(Inception(path=Path("x"))), {"samples": 50_000, "split": "train"}),  # the convention since Heusel et al. 2017
    (KernelDistance(Pixels()), {"subsets": 100, "rows": 1_000}),  # Bińkowski et al. 2018
    (ActiveUnits(), {"threshold": 0.01}),  # Burda et al. 2016
    (Modes(), {"radius": 3.0, "min_share": 0.01}),  # Srivastava et al. 2017; the share is genkit's own
    (HighQuality(), {"radius": 3.0}),
    (HistogramKL(), {"samples": 50_000}),
    (HistogramJSD(), {"samples": 50_000}),
]


@pytest.mark.parametrize(("metric", "defaults"), DEFAULTS, ids=lambda value: type(value).__name__)
def test_a_metric_without_keys_has_its_published_defaults(metric, defaults):
    assert {key: getattr(metric, key) for key in defaults} == defaults
    assert (metric.weights, metric.batch_norm) == ("raw", None)
