"""Generators and critics for images: their laws, their published sizes, and runs with them."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from genkit_wgan_gp.dcgan import DCGAN
from genkit_wgan_gp.loss import WGANGP, gradient_norms
from genkit_wgan_gp.resnet import ResNetGAN
from torch import Tensor, nn

import genkit
from genkit.api import GAN, Norm
from genkit.core.model import Model, evaluating
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import TrainState, initial_state
from genkit.runs.training import draw_during_training
from genkit.testing import assert_gradients_reach_updates, batch_of, phase_gradients

pytestmark = pytest.mark.trains

LATENT = 3

NETWORKS = {
    "dcgan": lambda: DCGAN(latent_dim=LATENT, channels=(4, 8, 8), data_shape=(1, 28, 28)),
    "dcgan, odd sides": lambda: DCGAN(latent_dim=LATENT, channels=(4, 8), norm="group", data_shape=(3, 5, 9)),
    "dcgan, layer norm": lambda: DCGAN(
        latent_dim=LATENT, channels=(4, 6), norm="none", critic_norm="layer", data_shape=(4, 8, 12)
    ),
    "dcgan, one halving": lambda: DCGAN(latent_dim=LATENT, channels=(4,), norm="sync-batch", data_shape=(2, 6, 6)),
    "resnet-gan": lambda: ResNetGAN(latent_dim=LATENT, channels=(4, 4, 4), data_shape=(3, 16, 16)),
    "resnet-gan, not square": lambda: ResNetGAN(
        latent_dim=LATENT, channels=(4, 6, 8), norm="group", data_shape=(4, 8, 24)
    ),
    "resnet-gan, layer norm": lambda: ResNetGAN(
        latent_dim=LATENT, channels=(4, 6), norm="none", critic_norm="layer", data_shape=(1, 12, 12)
    ),
    "resnet-gan, sync-batch": lambda: ResNetGAN(
        latent_dim=LATENT, channels=(6, 4), norm="sync-batch", data_shape=(1, 8, 8)
    ),
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def model(request: pytest.FixtureRequest) -> GAN:
    torch.manual_seed(0)
    return request.param().double()


def images(model: GAN, rows: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(rows, *model.data_shape, generator=generator, dtype=torch.float64)


def test_samples_are_images_and_scores_are_numbers(model: GAN) -> None:
    samples = model.sample(10 * torch.randn(5, LATENT, dtype=torch.float64))
    assert samples.shape == (5, *model.data_shape)
    assert samples.min() >= 0 and samples.max() <= 1
    assert model.critic(samples).shape == (5,)


def test_a_generator_reaches_all_values_from_0_to_1(model: GAN) -> None:
    *_, last = [layer for layer in model.generator.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    nn.init.zeros_(last.weight)
    for bias, value in ((-20.0, 0.0), (0.0, 0.5), (20.0, 1.0)):
        nn.init.constant_(last.bias, bias)
        torch.testing.assert_close(model.sample(torch.randn(1, LATENT, dtype=torch.float64)).unique().item(), value)


def test_the_critic_does_not_mix_samples(model: GAN) -> None:
    x = images(model)
    assert model.critic.training
    torch.testing.assert_close(model.critic(x)[:2], model.critic(x[:2]))


def test_gradients_reach_both_networks(model: GAN) -> None:
    assert_gradients_reach_updates(WGANGP(n_critic=1), model, batch_of(images(model), LATENT), step=0)


def test_no_parameter_is_dead(model: GAN) -> None:
    # The gradient of a bias before a norm would be zero, except for rounding.
    batch = batch_of(images(model, 32), LATENT)
    for phase in WGANGP(n_critic=1).phases():
        gradients = phase_gradients(phase, model, batch)
        assert not [name for name, gradient in gradients.items() if gradient.abs().max() < 1e-12]


def test_the_penalty_is_differentiated_through_every_layer(model: GAN) -> None:
    x = images(model)
    batch = batch_of(x, LATENT)

    def penalty() -> Tensor:
        return (gradient_norms(model.critic, x, batch) - 1).square().mean()

    weights = [parameter for parameter in model.critic.parameters() if parameter.dim() > 1]
    directions = [torch.randn_like(weight) for weight in weights]
    gradients = torch.autograd.grad(penalty(), weights)
    assert all(gradient.abs().max() > 0 for gradient in gradients)

    def move(step: float) -> None:
        with torch.no_grad():
            for weight, direction in zip(weights, directions):
                weight.add_(direction, alpha=step)

    def penalty_at(step: float) -> Tensor:
        move(step)
        value = penalty().detach()
        move(-step)
        return value

    along = sum((gradient * direction).sum() for gradient, direction in zip(gradients, directions))
    torch.testing.assert_close(along, (penalty_at(1e-7) - penalty_at(-1e-7)) / 2e-7, rtol=1e-4, atol=1e-6)


def recipe_of(name: str, norm: Norm = "batch", precision: str = "fp32") -> genkit.Recipe:
    adam = genkit.Use("adam", lr=1e-3, betas=(0.0, 0.9))
    return genkit.Recipe(
        title="images",
        data=genkit.Use("digits"),
        model=genkit.Use(name, latent_dim=LATENT, channels=(4, 4), norm=norm),
        loss=genkit.Use("wgan-gp", n_critic=2),
        optimiser={"generator": adam, "critic": adam},
        train=genkit.Train(steps=4, batch_size=8, precision=precision),
        report=genkit.Report(draw_every=4),
    )


@pytest.mark.parametrize("name", ["dcgan", "resnet-gan"])
@pytest.mark.parametrize("norm", get_args(Norm))
def test_the_dry_run_works(name: str, norm: Norm) -> None:
    dry_run = genkit.make_plan(recipe_of(name, norm)).dry_run
    assert not dry_run.remarks
    assert dry_run.costs["critic"].flops > 0


@pytest.mark.parametrize(("name", "norm"), [("dcgan", "batch"), ("resnet-gan", "batch"), ("resnet-gan", "sync-batch")])
def test_a_loaded_generator_draws_the_samples_of_the_last_preview(name: str, norm: Norm, tmp_path, monkeypatch) -> None:
    z, drawn = torch.randn(4, LATENT), []

    def record(folder: object, stem: str, title: str, model: Model, *others: object) -> list[object]:
        with evaluating(model):
            drawn.append(model.sample(z))
        return []

    monkeypatch.setattr(draw_during_training, "save_previews", record)
    run = genkit.train(recipe_of(name, norm), runs=tmp_path)
    with torch.no_grad():
        assert torch.equal(genkit.load(run.path).decode(z), drawn[-1])
    assert not torch.equal(drawn[0], drawn[-1])


def critic_dtypes(state: TrainState) -> list[torch.dtype]:
    """Return a list that records the dtype of each output of the first convolution of the critic."""
    seen: list[torch.dtype] = []
    convolution = next(module for module in state.model.critic.modules() if isinstance(module, nn.Conv2d))
    convolution.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    return seen


def test_under_autocast_only_the_penalty_is_computed_in_float32() -> None:
    plan = genkit.make_plan(recipe_of("dcgan", precision="bf16"))
    state, world = initial_state(plan, World("bf16")), World("bf16")
    seen = critic_dtypes(state)
    record = next(train_steps(plan, state, world))
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert record.terms["critic/penalty"].dtype == torch.float32 and record.terms["critic/penalty"].isfinite()


def test_weights_are_kept_channels_last(model: GAN) -> None:
    kernels = [parameter for parameter in model.parameters() if parameter.dim() == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
