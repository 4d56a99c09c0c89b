"""The Fréchet distance: closed forms, scipy's matrix root, and too few samples."""

import numpy as np
import pytest
import scipy.linalg
import torch
from support.evaluations import Chunks, normal, value
from support.messages import assert_names

from genkit.core.gaussian_moments import GaussianMoments, fit_gaussian
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.inception import Inception
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.frechet import FID, FrechetDistance, squared_frechet_distance


def spd(size, seed, rank=None):
    """Return a symmetric, positive semidefinite matrix of this rank."""
    x = torch.randn(size, rank or size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x @ x.T / size


def test_the_distance_of_gaussians_with_the_same_eigenvectors_has_a_closed_form():
    basis = torch.linalg.qr(spd(6, 0)).Q
    a, b = torch.linspace(0.1, 3, 6).double(), torch.linspace(2, 0.5, 6).double()
    p = GaussianMoments(torch.zeros(6).double(), basis * a @ basis.T)
    q = GaussianMoments(torch.arange(6).double(), basis * b @ basis.T)
    expected = torch.arange(6).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert squared_frechet_distance(p, q) == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("ranks", [(20, 20), (20, 7), (5, 7)])
def test_the_distance_agrees_with_the_matrix_root_of_scipy(ranks):
    p, q = (GaussianMoments(normal(1, 20, seed)[0].double(), spd(20, seed, rank)) for seed, rank in enumerate(ranks))
    root = scipy.linalg.sqrtm((p.covariance @ q.covariance).numpy())
    trace = p.covariance.trace() + q.covariance.trace() - 2 * np.trace(root).real
    expected = ((p.mean - q.mean).square().sum() + trace).item()
    assert squared_frechet_distance(p, q) == pytest.approx(expected, rel=1e-5)
    assert squared_frechet_distance(q, p) == pytest.approx(squared_frechet_distance(p, q), rel=1e-6)


@pytest.mark.parametrize("rank", [20, 3])
def test_the_distance_of_equal_gaussians_is_zero_and_a_shift_adds_its_square(rank):
    p = GaussianMoments(torch.zeros(20).double(), spd(20, 0, rank))
    shifted = GaussianMoments(torch.full((20,), 0.5).double(), p.covariance)
    assert 0 <= squared_frechet_distance(p, p) < 1e-6
    assert squared_frechet_distance(p, shifted) == pytest.approx(5, rel=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_moments_agree_with_numpy_for_all_chunk_sizes(rows):
    x = normal(300, 5, scale=0.01, shift=1e4).double()
    mean, covariance = fit_gaussian(Chunks(x, rows))
    assert np.allclose(mean, x.numpy().mean(axis=0), rtol=1e-12)
    assert np.allclose(covariance, np.cov(x.numpy().T), rtol=1e-8, atol=1e-12)


def test_samples_of_two_gaussians_have_nearly_the_distance_of_the_gaussians():
    real, fake = normal(60_000, 3, 1), normal(60_000, 3, 2, scale=2, shift=1)
    assert value(FrechetDistance(Pixels()), fake, real) == pytest.approx(3 * (1 + 1), rel=0.02)


@pytest.mark.parametrize("samples", [10, 784])
def test_fewer_samples_than_features_are_refused_with_the_smallest_number_that_works(samples):
    metric = FrechetDistance(Pixels(), samples=samples)
    with pytest.raises(ValueError) as refused:
        metric.protocol(Digits(), None)
    assert_names(refused.value, f"samples = {samples} ", "784 features", "samples = 785")
    assert FrechetDistance(Pixels(), samples=785).protocol(Digits(), None).samples == 785


@pytest.mark.parametrize("samples", [10, 784, 800])
def test_a_split_with_fewer_samples_than_features_is_refused_for_all_numbers_of_samples(samples):
    data = StandIn(shape=(1, 28, 28), size=784)
    with pytest.raises(ValueError) as refused:
        FrechetDistance(Pixels(), samples=samples, split="train").protocol(data, None)
    assert_names(refused.value, "train split", "784 samples", "785", "kernel-distance")
    assert "Set samples" not in str(refused.value)


def test_fid_needs_the_published_network(tmp_path):
    for features in (DigitFeatures(), Pixels()):
        with pytest.raises(ValueError) as refused:
            FID(features)
        assert_names(refused.value, f'features = "{features.name}"', "FID", "frechet-distance")
    metric = FID(Inception(tmp_path / "w.pth"), samples=3000)
    protocol = metric.protocol(StandIn(shape=(3, 16, 16), size=3000), None)
    assert protocol.extractor == "inception-2015-12-05 6726825d" and protocol.quantised and protocol.split == "train"
    assert protocol.resize == "bilinear, without antialiasing, to 299 x 299"
    with pytest.raises(ValueError) as refused:
        metric.protocol(StandIn(shape=(2,), size=3000), None)
    assert_names(refused.value, "grey images", "colour images", "(2,)", "not images")
