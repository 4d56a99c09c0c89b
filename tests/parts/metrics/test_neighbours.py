"""Precision, recall, density and coverage: their definitions, points on the surface of a ball, and extreme cases."""

import pytest
import torch
from support.evaluations import evaluation_of, normal, value
from support.messages import assert_names

from genkit.bases.metrics.features import Features
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric

METRICS = (PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric)


def by_definition(real, fake, k):
    """Return precision, recall, density and coverage as their papers define them."""
    distances = torch.cdist(torch.cat([real, fake]).double(), torch.cat([real, fake]).double())
    n = len(real)
    rr, ff, fr = distances[:n, :n], distances[n:, n:], distances[n:, :n]
    radius_real, radius_fake = (own.sort(dim=1).values[:, k] for own in (rr, ff))
    precision = (fr <= radius_real).any(dim=1)
    recall = (radius_fake >= fr.T).any(dim=1)
    density = (fr <= radius_real).double().sum(dim=1) / k
    coverage = fr.min(dim=0).values <= radius_real
    return [each.double().mean().item() for each in (precision, recall, density, coverage)]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_metrics_agree_with_their_definitions_for_small_blocks(k, monkeypatch):
    monkeypatch.setattr("genkit.bases.metrics.features.BLOCK", 64)
    real, fake = normal(300, 3, 1), normal(300, 3, 2, scale=0.7, shift=0.5)
    found = [value(metric(Pixels(), k=k), fake, real) for metric in METRICS]
    assert found == pytest.approx(by_definition(real, fake, k), abs=1e-12)
    assert all(0.2 < each < 1.5 for each in found)


def test_a_point_on_the_surface_of_a_ball_is_inside_despite_rounding():
    levels = torch.randint(0, 4, (2, 400, 3), generator=torch.Generator().manual_seed(0))
    real, fake = levels.long()
    rr, fr = ((a[:, None] - b).square().sum(dim=2) for a, b in ((real, real), (fake, real)))  # integers: exact
    radii = rr.sort(dim=1).values[:, 3]
    assert ((fr == radii) & (fr > 0)).any() and (radii == 0).any()
    balls = PrecisionMetric(Pixels(), 400).balls(evaluation_of(fake / 255, real / 255), "reference")
    assert torch.equal(balls.count(Features((fake / 255).numpy())), (fr <= radii).sum(dim=1))
    found = value(CoverageMetric(Pixels(), 400), fake / 255, real / 255)
    assert found == pytest.approx((fr.min(dim=0).values <= radii).double().mean().item(), abs=1e-12)


def test_distant_sets_give_zero_and_equal_sets_give_one():
    real, distant = normal(200, 3, 1), normal(200, 3, 2, shift=100)
    for metric in METRICS:
        assert value(metric(Pixels()), distant, real) == 0
        equal = value(metric(Pixels()), real, real)
        assert equal >= 1 if metric is DensityMetric else equal == 1


def test_one_mode_of_two_has_full_precision_and_half_recall():
    real = torch.cat([normal(200, 2, 1), normal(200, 2, 2, shift=50)])
    fake = normal(400, 2, 3)
    assert value(PrecisionMetric(Pixels()), fake, real) > 0.9
    assert value(RecallMetric(Pixels()), fake, real) == pytest.approx(0.5, abs=0.05)
    assert value(CoverageMetric(Pixels()), fake, real) == pytest.approx(0.5, abs=0.05)
    # Density does not depend on the missed mode.
    assert value(DensityMetric(Pixels()), fake, real) == pytest.approx(1, abs=0.1)


def test_more_neighbours_than_samples_are_refused():
    with pytest.raises(ValueError) as refused:
        DensityMetric(Pixels(), samples=5)
    assert_names(refused.value, "k = 5 ", "5 samples", "Set k = 4 ")
