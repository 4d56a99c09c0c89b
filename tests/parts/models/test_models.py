"""Built-in networks: sizes, shapes, data that they refuse, and the clamp of the log-variance."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import torch
from support.messages import assert_names

from genkit.api import VAE, Autoencoder, DiagNormal
from genkit.core.layers.norm import Norm
from genkit.core.layers.posterior import Posterior
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.mlp import MLP
from genkit.parts.models.modern_conv import ModernConv
from genkit.parts.models.small_conv import SmallConv
from genkit.testing import assert_gradients_reach_updates, batch_of

MODELS = {
    "points": lambda: MLP(width=16, layers=2, data_shape=(2,)),
    "points of seven dimensions": lambda: MLP(latent_dim=5, width=16, layers=0, data_shape=(7,)),
    "images, flattened": lambda: MLP(latent_dim=3, width=16, layers=1, data_shape=(3, 6, 5)),
    "grey": lambda: SmallConv(latent_dim=3, channels=(8, 16), hidden=12, data_shape=(1, 28, 28)),
    "colour": lambda: SmallConv(latent_dim=3, channels=(8, 8, 8), hidden=12, data_shape=(3, 32, 32)),
    "not square": lambda: SmallConv(latent_dim=3, channels=(8, 16), hidden=12, data_shape=(3, 12, 20)),
    "no norm": lambda: SmallConv(latent_dim=3, channels=(6, 10), hidden=12, norm="none", data_shape=(2, 8, 8)),
    "one halving, to a single pixel": lambda: SmallConv(channels=(4,), data_shape=(1, 2, 2)),
    "residual": lambda: IntroVAEConv(latent_dim=3, channels=(8, 16), data_shape=(1, 28, 28)),
    "residual, not square": lambda: IntroVAEConv(latent_dim=3, channels=(8, 8, 16), data_shape=(4, 8, 24)),
    "residual, no norm": lambda: IntroVAEConv(latent_dim=3, channels=(6, 6), norm="none", data_shape=(3, 8, 8)),
    "modern": lambda: ModernConv(latent_dim=3, channels=(8, 16), data_shape=(1, 28, 28)),
    "modern, not square": lambda: ModernConv(latent_dim=3, channels=(8, 8, 16), data_shape=(4, 8, 24)),
    "modern, no norm": lambda: ModernConv(latent_dim=3, channels=(6, 6), norm="none", data_shape=(3, 8, 8)),
    "residual, one halving": lambda: IntroVAEConv(latent_dim=3, channels=(8,), data_shape=(3, 4, 4)),
}
BATCH_NORMS = {
    "batch": lambda: SmallConv(latent_dim=3, channels=(8, 16), norm="batch", data_shape=(1, 12, 8)),
    "sync-batch": lambda: SmallConv(latent_dim=3, channels=(8, 16), norm="sync-batch", data_shape=(1, 12, 8)),
    "residual, batch": lambda: IntroVAEConv(latent_dim=3, channels=(6, 8), norm="batch", data_shape=(3, 8, 8)),
    "residual, sync-batch": lambda: IntroVAEConv(
        latent_dim=3, channels=(6, 8), norm="sync-batch", data_shape=(1, 8, 8)
    ),
    "modern, batch": lambda: ModernConv(latent_dim=3, channels=(6, 8), norm="batch", data_shape=(3, 8, 8)),
    "residual, batch of sums": lambda: IntroVAEConv(
        latent_dim=3, channels=(6, 8), norm="batch", normalise="sum", data_shape=(1, 8, 8)
    ),
}


@pytest.fixture(params=[*MODELS.values(), *BATCH_NORMS.values()], ids=[*MODELS, *BATCH_NORMS])
def model(request: pytest.FixtureRequest) -> Autoencoder:
    torch.manual_seed(0)
    return request.param()


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model_of_single_samples(request: pytest.FixtureRequest) -> Autoencoder:
    torch.manual_seed(0)
    return request.param()


def size_of(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_encoder_returns_gaussians(model: Autoencoder) -> None:
    posterior = model.encoder(torch.rand(4, *model.data_shape))
    assert isinstance(posterior, DiagNormal)
    assert posterior.mu.shape == posterior.logvar.shape == (4, model.latent_dim)


def test_samples_and_reconstructions_have_the_shape_of_the_data(model: Autoencoder) -> None:
    assert model.sample(torch.randn(4, model.latent_dim)).shape == (4, *model.data_shape)
    assert model.reconstruct(torch.rand(4, *model.data_shape)).shape == (4, *model.data_shape)


def test_every_parameter_gets_a_gradient(model: Autoencoder) -> None:
    assert_gradients_reach_updates(VAE(), model, batch_of(torch.rand(4, *model.data_shape), model.latent_dim), step=0)


def test_no_parameter_is_dead(model: Autoencoder) -> None:
    # The gradient of a bias before a norm would be zero, except for rounding.
    batch = batch_of(torch.rand(64, *model.data_shape, dtype=torch.float64), model.latent_dim)
    VAE().loss(model.double(), batch.in_phase("vae")).total.backward()
    dead = [name for name, parameter in model.named_parameters() if parameter.grad.abs().max() < 1e-12]
    assert not dead


def test_the_children_are_the_parameter_groups(model: Autoencoder) -> None:
    assert [name for name, _ in model.named_children()] == ["encoder", "decoder"]


def test_evaluation_of_a_sample_does_not_depend_on_the_rest_of_the_batch(model: Autoencoder) -> None:
    x = torch.rand(5, *model.data_shape, dtype=torch.float64)
    model.double().eval()
    torch.testing.assert_close(model.reconstruct(x)[:2], model.reconstruct(x[:2]))


def test_training_and_evaluation_compute_the_same(model_of_single_samples: Autoencoder) -> None:
    model = model_of_single_samples
    x = torch.rand(5, *model.data_shape)
    assert torch.equal(model.train().reconstruct(x), model.eval().reconstruct(x))


def test_the_output_is_linear_and_not_clamped(model: Autoencoder) -> None:
    *_, last = [module for module in model.decoder.modules() if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))]
    last.bias.data.fill_(7.0)
    last.weight.data.zero_()
    assert (model.sample(torch.randn(2, model.latent_dim)) == 7.0).all()


def test_the_loss_works_on_the_meta_device() -> None:
    with torch.device("meta"):
        for model in (
            MLP(data_shape=(2,)),
            SmallConv(data_shape=(1, 28, 28)),
            *(IntroVAEConv(norm=norm, data_shape=(3, 32, 32)) for norm in get_args(Norm)),
            *(ModernConv(norm=norm, data_shape=(3, 32, 32)) for norm in get_args(Norm)),
        ):
            batch = batch_of(torch.empty(4, *model.data_shape), model.latent_dim)
            assert VAE().loss(model, batch.in_phase("vae")).total.shape == ()


def test_the_mlp_has_the_published_size() -> None:
    # The published decoder has 198,659 parameters, one of which is `loggamma`, which no loss reads.
    model = MLP(data_shape=(2,))
    assert (size_of(model.encoder), size_of(model.decoder)) == (199_172, 198_658)


def test_a_norm_replaces_the_bias_of_a_convolution() -> None:
    group, none = (SmallConv(norm=norm, data_shape=(1, 28, 28)) for norm in ("group", "none"))
    # A scale and a shift instead of a bias for each normalised channel: 16 + 64 in the encoder, 16 in the decoder.
    assert size_of(group) - size_of(none) == 16 + 64 + 16


def test_the_log_variance_is_clamped_to_its_range() -> None:
    features = torch.tensor([[1.0, -2.0, 3.0, 1e30, -1e30, 5.0]])
    posterior = Posterior()(features)
    assert posterior.mu.tolist() == [[1.0, -2.0, 3.0]]
    assert posterior.logvar.tolist() == [[10.0, -20.0, 5.0]]


def test_the_clamp_leaves_standard_deviations_from_5e_5_to_148_alone() -> None:
    """A narrower clamp would change healthy runs: beyond a bound, the log-variance has no gradient."""
    logvar = 2 * torch.tensor([[5e-5, 1e-3, 0.02, 1.0, 148.0]]).log()
    features = torch.cat([torch.zeros_like(logvar), logvar], dim=1).requires_grad_()
    posterior = Posterior()(features)
    posterior.logvar.sum().backward()
    torch.testing.assert_close(posterior.logvar.detach(), logvar)
    assert features.grad[0, 5:].tolist() == [1.0] * 5


@pytest.mark.parametrize("extreme", [1e6, -1e6])
def test_extreme_features_give_a_finite_loss_and_gradient(extreme: float) -> None:
    model = MLP(width=8, layers=0, data_shape=(2,))
    head = [module for module in model.encoder if isinstance(module, torch.nn.Linear)][-1]
    head.bias.data[2:] = extreme
    result = VAE().loss(model, batch_of(torch.rand(4, 2), 2).in_phase("vae"))
    result.total.backward()
    assert result.total.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_sides_that_cannot_be_halved_are_refused_with_the_nearest_sizes_that_can() -> None:
    with pytest.raises(ValueError) as error:
        SmallConv(channels=(8, 16, 32), data_shape=(3, 30, 48))
    assert_names(error.value, "30x48", "[8, 16, 32]", "24x48", "32x48")


@pytest.mark.parametrize(
    ("shape", "nearest"),
    [
        ((1, 28, 28), ["24x24", "32x32"]),
        ((1, 3, 5), ["8x8"]),
        ((3, 16, 20), ["16x16", "16x24"]),
        ((3, 4, 17), ["8x16", "8x24"]),
    ],
)
def test_the_nearest_sizes_work(shape: tuple[int, ...], nearest: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        SmallConv(channels=(8, 8, 8), data_shape=shape)
    _, *named = re.findall(r"\d+x\d+", str(error.value))  # the first is the size of the data
    assert named == nearest
    for size in named:
        height, width = map(int, size.split("x"))
        assert SmallConv(channels=(8, 8, 8), data_shape=(shape[0], height, width)).data_shape[1:] == (height, width)


@pytest.mark.parametrize("network", [SmallConv, IntroVAEConv, ModernConv])
def test_a_network_of_images_refuses_points(network: type[Autoencoder]) -> None:
    with pytest.raises(ValueError, match=r"images.*\(2,\)"):
        network(data_shape=(2,))


@pytest.mark.parametrize("network", [SmallConv, IntroVAEConv, ModernConv])
def test_a_network_of_images_refuses_an_empty_list_of_channels(network: type[Autoencoder]) -> None:
    with pytest.raises(ValueError, match="channels.*empty"):
        network(channels=(), data_shape=(1, 28, 28))
