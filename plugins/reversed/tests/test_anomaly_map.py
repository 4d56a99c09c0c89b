"""The score `reversed-map`: its factors, one by one, and what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from genkit_reversed.anomaly_map import ReversedMap, equalised, feature_map
from skimage.exposure import equalize_adapthist
from torch import Tensor, nn

from genkit.api import Autoencoder, Posterior
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import require_map
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.mlp import MLP
from genkit.parts.scores.features import Features
from genkit.testing import assert_score_is_lawful

SHAPE = (1, 16, 24)


def model(shape: tuple[int, ...] = SHAPE) -> IntroVAEConv:
    torch.manual_seed(0)
    return IntroVAEConv(latent_dim=4, channels=(6, 8), data_shape=shape).double().eval()


def images(shape: tuple[int, ...] = SHAPE, size: int = 3) -> Tensor:
    return torch.rand(size, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def map_of(score: ReversedMap, of: Autoencoder, x: Tensor) -> Tensor:
    with torch.no_grad():
        return score.map(of, x, noise_of_samples(0, "score", x))


@pytest.mark.parametrize("shape", [SHAPE, (3, 16, 24)])
def test_it_obeys_the_laws_of_scores_and_its_map_sums_to_it(shape):
    of, x = model(shape), images(shape)
    assert_score_is_lawful(ReversedMap(), of, x)
    maps = map_of(ReversedMap(), of, x)
    assert maps.shape == (3, *shape[1:]) and (maps >= 0).all()
    with torch.no_grad():
        scores = ReversedMap()(of, x, noise_of_samples(0, "score", x))
    torch.testing.assert_close(maps.flatten(1).sum(dim=1), scores)


def blurred_by_hand(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image, filtered by a Gaussian that is cut off at 4σ; beyond an edge the image is mirrored."""
    radius = int(4 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    padded = np.pad(image, radius, mode="symmetric")
    result = np.zeros_like(image)
    for i, a in zip(offsets, weights, strict=True):
        for j, b in zip(offsets, weights, strict=True):
            rows = slice(radius + i, radius + i + image.shape[0])
            result += a * b * padded[rows, radius + j : radius + j + image.shape[1]]
    return result


def distance_by_hand(of: Autoencoder, a: Tensor, b: Tensor) -> np.ndarray:
    """Return F(a, b) of one image: a loop over positions, and bilinear interpolation by its definition."""
    height, width = a.shape[1:]
    total = np.zeros((height, width))
    with torch.no_grad():
        pairs = [[level[0].numpy() for level in of.features(image[None])] for image in (a, b)]
    for f, g in zip(*pairs, strict=True):
        h, w = f.shape[1:]
        level = np.zeros((h, w))
        for i in range(h):
            for j in range(w):
                u, v = f[:, i, j], g[:, i, j]
                level[i, j] = ((u / np.linalg.norm(u) - v / np.linalg.norm(v)) ** 2).sum()
        for y in range(height):
            for x in range(width):
                # The centre of a pixel, in units of positions; values beyond the outermost centres are constant.
                row = min(max((y + 0.5) * h / height - 0.5, 0), h - 1)
                column = min(max((x + 0.5) * w / width - 0.5, 0), w - 1)
                top, left = int(row), int(column)
                bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
                down, across = row - top, column - left
                upper = (1 - across) * level[top, left] + across * level[top, right]
                lower = (1 - across) * level[bottom, left] + across * level[bottom, right]
                total[y, x] += (1 - down) * upper + down * lower
    return total


@pytest.mark.parametrize(("shape", "sigma"), [(SHAPE, 2.0), (SHAPE, 0.7), ((3, 16, 24), 2.0)])
def test_the_map_is_the_product_of_its_three_factors(shape, sigma):
    of, x = model(shape), images(shape, size=1)
    with torch.no_grad():
        y = of.reconstruct(x).clip(0, 1)
    equal = [
        torch.stack([torch.from_numpy(equalize_adapthist(plane.numpy())) for plane in image[0]]) for image in (x, y)
    ]
    difference = (equal[0] - equal[1]).abs().numpy().mean(axis=0)
    first = blurred_by_hand(distance_by_hand(of, x[0], y[0]), sigma)
    second = blurred_by_hand(distance_by_hand(of, *equal), sigma)
    found = map_of(ReversedMap(sigma), of, x)[0].numpy() * (16 * 24)
    np.testing.assert_allclose(found, difference * first * second, rtol=1e-6, atol=1e-12)


def test_the_distance_of_features_is_that_of_the_score_features_before_interpolation():
    """Where a level is as large as the image, nothing is interpolated: the sums are those of the score `features`."""

    class Full(Autoencoder):
        def features(self, x: Tensor) -> list[Tensor]:
            return [self.encoder[0](x)]

    torch.manual_seed(1)
    encoder = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.Flatten(), nn.Linear(5 * 64, 4), Posterior())
    of = Full(encoder, nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8))), 2, (1, 8, 8)).double()
    x = images((1, 8, 8))
    with torch.no_grad():
        expected = Features()(of, x, noise_of_samples(0, "score", x))
        found = feature_map(of, x, of.reconstruct(x)).flatten(1).sum(dim=1)
    torch.testing.assert_close(found, expected)


def test_a_perfect_reconstruction_has_a_map_of_zeros():
    of = model()
    x = images(size=1).expand(2, *SHAPE)
    of.reconstruct = lambda given: given  # type: ignore[method-assign]
    assert map_of(ReversedMap(), of, x).abs().max() == 0


def test_a_square_that_the_reconstruction_lacks_is_the_brightest_place_of_the_map():
    of, healthy = model((1, 32, 32)), 0.3 + 0.2 * images((1, 32, 32), size=1)
    of.reconstruct = lambda given: healthy  # type: ignore[method-assign]
    abnormal = healthy.clone()
    abnormal[:, :, 20:26, 6:12] = 1.0
    found = map_of(ReversedMap(), of, abnormal)[0]
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[18:28, 4:14] = True
    row, column = divmod(int(found.argmax()), 32)
    assert 20 <= row < 26 and 6 <= column < 12
    assert found[inside].sum() > 5 * found[~inside].sum()


def test_equalisation_is_by_channel_and_leaves_a_constant_image_alone():
    x = images((3, 16, 24))
    found = equalised(x)
    assert (found.shape, found.dtype) == (x.shape, x.dtype)
    expected = equalize_adapthist(x[1, 2].numpy())
    np.testing.assert_allclose(found[1, 2].numpy(), expected)
    assert found.min() >= 0 and found.max() <= 1
    for level in (0.0, 0.4, 1.0):
        constant = torch.full((1, 1, 16, 16), level)
        assert torch.equal(equalised(constant), constant)


def test_reconstructions_beyond_0_and_1_are_limited():
    of = model()
    of.reconstruct = lambda given: 5 * given - 2  # type: ignore[method-assign]
    assert map_of(ReversedMap(), of, images()).isfinite().all()


@pytest.mark.filterwarnings("error")
def test_a_reconstruction_that_is_not_finite_has_a_score_that_is_not():
    """Metrics refuse it. The other images keep theirs."""
    of, x = model(), images()
    before = map_of(ReversedMap(), of, x).flatten(1).sum(dim=1)
    reconstruct = of.reconstruct
    broken = torch.tensor([1.0, math.nan, 1.0]).double()[:, None, None, None]
    of.reconstruct = lambda given: broken * reconstruct(given)  # type: ignore[method-assign]
    after = map_of(ReversedMap(), of, x).flatten(1).sum(dim=1)
    assert after.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(after[::2], before[::2])


def test_shapes_suffice_on_the_meta_device():
    """The dry run has no values."""
    of, x = model().to("meta"), images().to("meta")
    ReversedMap().check(of)
    assert ReversedMap().map(of, x, noise_of_samples(0, "score", images())).shape == (3, 16, 24)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (MLP(latent_dim=2, width=8, layers=1, data_shape=(2,)), "for images"),
        (MLP(latent_dim=2, width=8, layers=1, data_shape=(1, 8, 8)), "have no positions"),
    ],
)
def test_models_without_maps_are_refused(of, words):
    with pytest.raises(ValueError, match=words):
        ReversedMap().check(of)


def test_the_score_is_the_mean_over_the_pixels():
    """So a model of larger images does not score higher for that."""
    of, x = model(), images()
    product = map_of(ReversedMap(), of, x) * math.prod(SHAPE[1:])
    with torch.no_grad():
        scores = ReversedMap()(of, x, noise_of_samples(0, "score", x))
    torch.testing.assert_close(scores, product.flatten(1).mean(dim=1))


def test_the_command_for_maps_accepts_it():
    of = model()
    assert require_map(ReversedMap(), of) is of and not of.training
    require_map(ReversedMap(), of.to("meta"))
