"""Reconstruction errors: laws, closed forms, scikit-image, and what gradient reaches what."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.metrics
import torch
from support.messages import assert_names
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Laplace

from genkit.api import Autoencoder, ReconstructionError, SquaredError, squared_error
from genkit.core.constant_features import constant_features
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.features import Features
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM
from genkit.parts.errors.weighted import Weighted
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.mlp import MLP
from genkit.parts.models.modern_conv import ModernConv
from genkit.parts.models.small_conv import SmallConv
from genkit.recipe.installed.registry import load_registry
from genkit.testing import assert_error_is_lawful

ERRORS = [
    *(SquaredError(), L1(), BCE(), SSIM(), SSIM(window=7), Features(), Features(pixels=0.0)),
    *(Weighted(l1=3.0, ssim=1.0), Weighted(squared=1.0, features=0.5)),
]


def images(rows: int = 4, channels: int = 1, side: int = 16, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, channels, side, side, generator=generator, dtype=torch.float64)


def network(channels: int = 1, side: int = 16) -> SmallConv:
    torch.manual_seed(0)
    return SmallConv(latent_dim=3, channels=(8, 8), hidden=12, data_shape=(channels, side, side)).double()


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_error_is_lawful(error: ReconstructionError, channels: int) -> None:
    assert_error_is_lawful(error, network(channels), images(channels=channels))


def test_every_built_in_error_has_been_tried() -> None:
    built_in = {part.load() for part in load_registry().of_kind("errors") if part.owner.plugin == "genkit"}
    assert {type(error) for error in ERRORS} == built_in


def test_a_mean_over_a_sample_is_unlawful() -> None:
    class Mean(SquaredError):
        def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
            return super().__call__(x, output) / x[0].numel()

    with pytest.raises(AssertionError):
        assert_error_is_lawful(Mean(), network(), images())


def test_the_default_error_is_the_squared_error_to_the_bit() -> None:
    model, x = network(), images()
    output = model.decoder(model.encoder(x).mu)
    assert torch.equal(model.error(x, output), squared_error(x, output))
    assert model.as_sample(output) is output


def test_l1_is_the_negative_log_density_of_a_laplace_decoder() -> None:
    x, y = images(seed=1), images(seed=2)
    log_density = Independent(Laplace(y, torch.ones_like(y)), 3).log_prob(x)
    torch.testing.assert_close(L1()(x, y), -log_density - 256 * math.log(2))


def test_bce_is_the_negative_log_probability_of_binary_pixels() -> None:
    x, logits = images(seed=1).round(), 4 * images(seed=2) - 2
    torch.testing.assert_close(BCE()(x, logits), -Independent(Bernoulli(logits=logits), 3).log_prob(x))


def test_bce_is_smallest_at_the_logits_of_the_picture_and_is_its_entropy_there() -> None:
    x = images().clamp(0.01, 0.99)
    entropy = -(x * x.log() + (1 - x) * (1 - x).log()).flatten(1).sum(dim=1)
    torch.testing.assert_close(BCE()(x, x.logit()), entropy)
    logits = x.logit().requires_grad_()
    (gradient,) = torch.autograd.grad(BCE()(x, logits).sum(), logits)
    torch.testing.assert_close(gradient, torch.zeros_like(x))


def test_bce_is_finite_for_certain_decoders() -> None:
    assert BCE()(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), -500.0)).item() == 500


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(channels: int) -> None:
    x, y = images(channels=channels, side=24, seed=1), images(channels=channels, side=24, seed=2)
    y = 0.7 * x + 0.3 * y
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    theirs = [skimage.metrics.structural_similarity(*np.stack(pair), channel_axis=0, **options) for pair in zip(x, y)]
    torch.testing.assert_close(SSIM()(x, y), channels * 24 * 24 * (1 - torch.tensor(theirs)), rtol=1e-6, atol=0)


def test_ssim_at_a_position_is_the_formula_over_its_window() -> None:
    x, y = (image.squeeze(1).numpy() for image in (images(rows=1, side=9, seed=1), images(rows=1, side=9, seed=2)))
    distance = np.arange(7) - 3
    weights = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * 1.5**2))
    weights /= weights.sum()
    found = SSIM(window=7).similarity(*(torch.as_tensor(image)[:, None] for image in (x, y)))
    for i, j in np.ndindex(3, 3):
        a, b = x[0, i : i + 7, j : j + 7], y[0, i : i + 7, j : j + 7]
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        variances = (weights * (a - mean_a) ** 2).sum() + (weights * (b - mean_b) ** 2).sum()
        covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
        brightness = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
        expected = brightness * (2 * covariance + 9e-4) / (variances + 9e-4)
        assert found[0, 0, i, j].item() == pytest.approx(expected, rel=1e-9)


def test_ssim_sees_a_loss_of_structure_that_the_squared_error_does_not() -> None:
    x = images(side=24)
    blurred = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    shift = (x - blurred).square().flatten(1).mean(dim=1).sqrt()
    brighter = x + shift[:, None, None, None]
    torch.testing.assert_close(squared_error(x, blurred), squared_error(x, brighter))
    assert (SSIM()(x, blurred) > 2 * SSIM()(x, brighter)).all()


# Features


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        (MLP(width=5, layers=2, data_shape=(2,)), [(5,)] * 3),
        (SmallConv(channels=(4, 6), data_shape=(1, 16, 16)), [(4, 8, 8), (6, 4, 4)]),
        (IntroVAEConv(channels=(4, 6), norm="none", data_shape=(3, 16, 16)), [(4, 8, 8), (6, 4, 4)]),
        (ModernConv(channels=(4, 6), norm="none", data_shape=(1, 16, 16)), [(4, 8, 8), (6, 4, 4)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_network_has_features(model: Autoencoder, shapes: list[tuple[int, ...]]) -> None:
    x = torch.rand(3, *model.data_shape)
    levels = model.features(x)
    assert [tuple(level.shape) for level in levels] == [(3, *shape) for shape in shapes]
    assert all(torch.equal(*pair) for pair in zip(levels, constant_features(model, x), strict=True))
    # They are what the encoder computes: nothing that follows has changed them in place.
    again = model.features(x)
    assert all(torch.equal(*pair) for pair in zip(levels, again, strict=True))
    assert (levels[-1] != levels[-1].relu()).any() == isinstance(model, ModernConv | IntroVAEConv)


def test_features_compare_directions_of_channels_at_each_position() -> None:
    model, x, y = network(), images(seed=1), images(seed=2)
    expected = torch.zeros(4, dtype=torch.float64)
    for f, g in zip(model.features(x), model.features(y), strict=True):
        for n, i, j in np.ndindex(4, *f.shape[2:]):
            u, v = f[n, :, i, j], g[n, :, i, j]
            expected[n] += ((u / (u.norm() + 1e-12) - v / (v.norm() + 1e-12)) ** 2).sum()
    found = Features(pixels=0.0).of(model)(x, y)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(Features(pixels=2.5).of(model)(x, y), found + 2.5 * squared_error(x, y))


def test_the_gradient_of_features_reaches_both_samples_and_no_weight() -> None:
    model, x, y = network(), images(seed=1).requires_grad_(), images(seed=2).requires_grad_()
    error = Features(pixels=0.0).of(model)(x, y).sum()
    weights = [*model.parameters()]
    gradients = torch.autograd.grad(error, [x, y, *weights], allow_unused=True)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients[:2])
    assert all(gradient is None for gradient in gradients[2:])


def test_features_leave_running_statistics_alone() -> None:
    model = IntroVAEConv(latent_dim=2, channels=(4, 4), norm="batch", data_shape=(1, 8, 8)).train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    constant_features(model, torch.rand(4, 1, 8, 8))
    assert before and all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_a_weighted_error_is_the_sum_of_its_terms() -> None:
    model, x, y = network(), images(seed=1), images(seed=2)
    expected = 3 * L1()(x, y) + 2 * SSIM()(x, y) + 0.5 * squared_error(x, y)
    torch.testing.assert_close(Weighted(squared=0.5, l1=3.0, ssim=2.0).of(model)(x, y), expected)
    features = Features(pixels=0.0).of(model)(x, y)
    torch.testing.assert_close(Weighted(0.5, 3.0, 2.0, 0.1).of(model)(x, y), expected + 0.1 * features)
    with pytest.raises(ValueError, match="weights"):
        Weighted()


def test_a_network_without_features_is_refused() -> None:
    with pytest.raises(ValueError, match="Autoencoder") as refused:
        Features().of(Autoencoder(torch.nn.Identity(), torch.nn.Identity(), 2, (2,)))(
            torch.ones(1, 2), torch.ones(1, 2)
        )
    assert_names(refused.value, "features", "Implement")


# Mistakes


@pytest.mark.parametrize("error", [BCE(), SSIM()], ids=repr)
def test_errors_of_images_refuse_points(error: ReconstructionError) -> None:
    with pytest.raises(ValueError, match="images") as refused:
        error(torch.zeros(3, 2), torch.zeros(3, 2))
    assert_names(refused.value, "(2,)", '"squared"', '"l1"')


def test_ssim_refuses_pictures_smaller_than_the_window_and_even_windows() -> None:
    with pytest.raises(ValueError, match="8 x 16") as refused:
        SSIM()(torch.zeros(2, 1, 8, 16), torch.zeros(2, 1, 8, 16))
    assert_names(refused.value, "11 x 11", "window")
    with pytest.raises(ValueError, match="window = 6"):
        SSIM(window=6)
