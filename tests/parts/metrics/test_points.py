"""Metrics of 2-D points: their values for samplers of known density."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import jensenshannon
from support import evaluations
from support.messages import assert_names

from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.metrics.histogram import CELLS, HistogramJSD, HistogramKL, jsd, kl, smoothed_histogram
from genkit.parts.metrics.modes import HighQuality, Modes
from genkit.parts.metrics.published_2d import ReferenceJSD, ReferenceKL

DATA = EightGaussians()
METRICS = [HistogramKL, HistogramJSD, ReferenceKL, ReferenceJSD, Modes, HighQuality]


def mixture(count, seed, modes=8, spread=1.0):
    g = torch.Generator().manual_seed(seed)
    mode = torch.randint(modes, (count,), generator=g)
    return (DATA.centres[mode] + spread * DATA.std * torch.randn(count, 2, generator=g)).float()


def blob(count, std, seed=5):
    return std * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def value(metric, generated, reference=None):
    reference = mixture(len(generated), seed=1) if reference is None else reference
    return evaluations.value(metric, generated, reference)


# The published numbers

# Results of the published arithmetic for known samplers. Means are compared, because draws of 5,000 differ widely (two
# draws of the data give 0.3 to 1.0): a single empty cell of the model costs about 35 nats.
PUBLISHED = [
    (lambda seed: mixture(5000, seed), 0.515, 0.25, 0.285, 0.06),
    (lambda seed: torch.zeros(5000, 2), 220.1, 0.2, 111.1, 0.1),
    (lambda seed: blob(5000, 0.01, seed), 220.1, 0.2, 109.0, 0.2),
    (lambda seed: blob(5000, 0.05, seed), 220.1, 0.2, 105.9, 0.2),
    (lambda seed: mixture(5000, seed, modes=4), 109.3, 1.5, 27.2, 0.4),
    (lambda seed: mixture(5000, seed, modes=7), 26.9, 1.2, 6.9, 0.3),
    (lambda seed: mixture(5000, seed, spread=2), 2.2, 0.1, 7.8, 0.8),
]


@pytest.mark.parametrize(("sampler", "kl", "kl_within", "jsd", "jsd_within"), PUBLISHED)
def test_known_samplers_have_the_published_numbers(sampler, kl, kl_within, jsd, jsd_within):
    sides = [(sampler(seed), mixture(5000, seed=100 + seed)) for seed in range(10)]
    assert np.mean([value(ReferenceKL(), *pair) for pair in sides]) == pytest.approx(kl, abs=kl_within)
    assert np.mean([value(ReferenceJSD(), *pair) for pair in sides]) == pytest.approx(jsd, abs=jsd_within)


@pytest.mark.parametrize("generated", [mixture(5000, 2, modes=6), blob(5000, 1.0)])
def test_the_numbers_agree_with_torchs_batchmean_of_numpys_densities(generated):
    reference = mixture(5000, 1)
    real, fake = (
        torch.tensor(np.histogram2d(*x.numpy().T, bins=100, range=[[-2, 2]] * 2, density=True)[0])
        for x in (reference, generated)
    )
    middle = 0.5 * (real + fake)
    expected_kl = F.kl_div(torch.log(fake + 1e-14), real, reduction="batchmean").item()
    expected_jsd = 0.5 * sum(
        F.kl_div(torch.log(side + 1e-14), middle, reduction="batchmean").item() for side in (real, fake)
    )
    assert value(ReferenceKL(), generated, reference) == pytest.approx(expected_kl, rel=1e-12)
    assert value(ReferenceJSD(), generated, reference) == pytest.approx(expected_jsd, rel=1e-12)


def test_the_published_kl_is_a_hundredth_of_a_sum_over_densities():
    # All data are in one cell of area 0.04², and half of the generated samples in another: log 2 nats.
    real, fake = torch.zeros(10, 2) + 0.01, torch.tensor([[0.01, 0.01], [1.01, 1.01]] * 5)
    assert value(ReferenceKL(), fake, real) == pytest.approx(6.25 * math.log(2), rel=1e-9)


@pytest.mark.parametrize("metric", [ReferenceKL(), ReferenceJSD()])
def test_samples_that_are_all_outside_the_box_are_refused(metric):
    with pytest.raises(ValueError) as refused:
        value(metric, torch.full((5000, 2), 3.0))
    assert_names(refused.value, "all generated samples", "outside the box [-2, 2]²")


# Histograms in nats


def at_cells(*counts):
    """Return counts[i] points at the middle of a separate cell each, in float64."""
    middles = torch.tensor([[-1.98 + 0.04 * i, 0.02] for i in range(len(counts))], dtype=torch.float64)
    return middles.repeat_interleave(torch.tensor(counts), dim=0)


def test_the_kl_of_a_discrete_distribution_is_its_closed_form():
    closed_form = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    real, fake = at_cells(50_000, 50_000), at_cells(25_000, 75_000)
    assert value(HistogramKL(), fake, real) == pytest.approx(closed_form, abs=1e-5)


def test_the_kl_of_an_empty_cell_is_the_smoothed_closed_form():
    n, alpha = 1000, 1 / CELLS
    p, q = (np.array([n / 2 + alpha, n / 2 + alpha]), np.array([n + alpha, alpha]))
    expected = (p / (n + 1) * np.log(p / q)).sum()  # cells that are empty on both sides cancel
    assert value(HistogramKL(), at_cells(n, 0), at_cells(n // 2, n // 2)) == pytest.approx(expected, rel=1e-12)


def test_the_kl_of_two_gaussians_is_near_its_closed_form():
    g = torch.Generator().manual_seed(0)
    real, fake = (std * torch.randn(400_000, 2, generator=g) for std in (0.15, 0.2))
    closed_form = 2 * (math.log(0.2 / 0.15) + 0.15**2 / (2 * 0.2**2) - 0.5)
    assert value(HistogramKL(), fake, real) == pytest.approx(closed_form, abs=0.01)


def test_the_jsd_agrees_with_scipy():
    real, fake = mixture(2000, 1), blob(2000, 0.9)
    p, q = smoothed_histogram(real.numpy(), 2.0), smoothed_histogram(fake.numpy(), 2.0)
    assert value(HistogramJSD(), fake, real) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-9)


def test_a_smoothed_histogram_is_numpys_with_one_cell_for_points_outside():
    x = np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32)
    inside = np.histogram2d(x[:, 0], x[:, 1], bins=100, range=[[-2, 2]] * 2)[0].ravel()
    p = smoothed_histogram(x, 2.0)
    assert p.sum() == pytest.approx(1, abs=1e-12) and len(p) == 10_001
    assert np.allclose(p[:-1] * 3001 - 1 / CELLS, inside, atol=1e-9)
    assert p[-1] * 3001 - 1 / CELLS == pytest.approx((np.abs(x) > 2).any(axis=1).sum())


def test_divergences_of_equal_histograms_are_zero_and_jsd_is_symmetric_and_at_most_log_2():
    p, q = smoothed_histogram(mixture(5000, 1).numpy(), 2.0), smoothed_histogram(np.zeros((5000, 2)), 2.0)
    assert kl(p, p) == 0 == jsd(p, p)
    assert jsd(p, q) == pytest.approx(jsd(q, p), rel=1e-12)
    assert math.log(2) - 1e-3 < jsd(p, q) <= math.log(2)


def test_samples_outside_the_box_are_counted():
    inside, real = mixture(50_000, 2), mixture(50_000, 1)
    half_out = inside.clone()
    half_out[::2] += 10
    assert value(HistogramKL(), inside, real) < 0.01
    # Every cell has half of its samples, which costs log 2; no data are outside.
    assert value(HistogramKL(), half_out, real) == pytest.approx(math.log(2), abs=0.02)
    assert value(HistogramJSD(), half_out, real) > 0.2


def test_a_missed_mode_costs_about_two_nats():
    assert value(HistogramKL(), mixture(50_000, 2, modes=7)) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("metric", [HistogramKL, HistogramJSD])
def test_too_few_samples_are_refused(metric):
    with pytest.raises(ValueError) as refused:
        metric(samples=49_999)
    assert_names(refused.value, "samples = 49999 ", "Set samples = 50000 ")


# Modes


def test_the_data_cover_all_modes_with_the_closed_form_share_of_high_quality():
    generated = mixture(100_000, 2)
    assert value(Modes(), generated) == 8
    assert value(HighQuality(), generated) == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert value(HighQuality(radius=1.0), generated) == pytest.approx(1 - math.exp(-0.5), abs=0.005)


@pytest.mark.parametrize("modes", [1, 4, 7])
def test_missed_modes_are_not_counted(modes):
    assert value(Modes(), mixture(10_000, 2, modes=modes)) == modes


def test_samples_between_the_modes_cover_none():
    assert value(Modes(), torch.zeros(1000, 2)) == 0 == value(HighQuality(), torch.zeros(1000, 2))


def test_a_mode_with_exactly_the_minimum_share_is_covered():
    first, second = DATA.centres[:2].float()
    below, enough = (torch.cat([first.expand(1000 - n, 2), second.expand(n, 2)]) for n in (9, 10))
    assert (value(Modes(), below), value(Modes(), enough)) == (1, 2)


def test_the_radius_is_in_standard_deviations():
    inside, outside = (DATA.centres[:1] + torch.tensor([[0.0, k * DATA.std]]) for k in (2.999, 3.001))
    assert value(HighQuality(), torch.cat([inside, outside, outside, outside])) == 0.25


def test_a_minimum_share_larger_than_that_of_the_data_is_refused():
    with pytest.raises(ValueError) as refused:
        Modes(min_share=0.125).protocol(DATA, None)
    assert_names(refused.value, "min_share = 0.125 ", "8 modes", "1/8")


# All metrics of points


@pytest.mark.parametrize("metric", METRICS)
def test_the_protocol_states_split_weights_and_samples(metric):
    protocol = metric(weights="ema").protocol(DATA, None)
    assert protocol.split == "drawn" and protocol.weights == "ema" and protocol.samples == metric().samples
    assert protocol.details


@pytest.mark.parametrize("metric", METRICS)
def test_data_without_a_known_density_are_refused(metric):
    with pytest.raises(ValueError) as refused:
        metric().protocol(Digits(), None)
    assert_names(refused.value, "8-gaussians", *(["modes"] if metric in (Modes, HighQuality) else ["(1, 28, 28)"]))


@pytest.mark.parametrize("metric", [HistogramKL(), HistogramJSD(), ReferenceKL(), ReferenceJSD()])
def test_samples_that_are_not_finite_are_refused(metric):
    generated = mixture(1000, 2)
    generated[3, 0] = math.nan
    with pytest.raises(ValueError) as refused:
        value(metric, generated)
    assert_names(refused.value, "1 of 1000 generated", "not finite")


def test_the_data_have_a_better_value_than_a_single_point():
    good, bad = mixture(5000, 2), torch.zeros(5000, 2)
    for metric in METRICS:
        worse, better = value(metric(), bad), value(metric(), good)
        assert (better < worse) == (metric().better == "lower")
