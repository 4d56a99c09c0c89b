"""WGAN-GP against the published algorithm written by hand, and the laws of its penalty and its phases."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import genkit_wgan_gp
import pytest
import torch
from genkit_wgan_gp.dcgan import DCGAN
from genkit_wgan_gp.loss import WGANGP, gradient_norms, interpolate
from genkit_wgan_gp.model import MLPGAN
from genkit_wgan_gp.resnet import ResNetGAN
from torch import Tensor, nn

from genkit.api import GAN, Batch, Noise, Rows
from genkit.testing import assert_gradients_reach_updates, batch_of, phase_gradients, take_step

LATENT, POINTS, WIDTH = 3, 2, 5


class TinyCritic(nn.Module):
    """Critic f(x) = a·tanh(W x + b), whose gradient has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(WIDTH, POINTS))
        self.b = nn.Parameter(torch.randn(WIDTH))
        self.a = nn.Parameter(torch.randn(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.w.T + self.b) @ self.a


class LinearCritic(nn.Module):
    """Critic f(x) = w·x, with the gradient norm ‖w‖ everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight


def gan_with(critic: nn.Module) -> GAN:
    return GAN(nn.Linear(LATENT, POINTS), critic, LATENT, (POINTS,)).double()


def points(rows: int = 16, *, step: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(step)
    return batch_of(torch.randn(rows, POINTS, generator=generator, dtype=torch.float64), LATENT, step=step)


def critic_terms(critic: nn.Module, loss: WGANGP | None = None) -> dict[str, Tensor]:
    phase = (loss or WGANGP()).phases()[0]
    loss_of_phase = phase.loss(gan_with(critic), points().in_phase("critic"))
    return {**loss_of_phase.terms, "total": loss_of_phase.total}


def train_by_phases(model: GAN, loss: WGANGP, steps: int) -> None:
    """Run the phases, as the engine does."""
    optimisers = {name: torch.optim.Adam(c.parameters(), 1e-2, (0.0, 0.9)) for name, c in model.named_children()}
    for step in range(steps):
        take_step(loss, model, optimisers, points(step=step), step=step)


def train_by_hand(model: GAN, rounds: int, penalty: float, n_critic: int) -> None:
    """Run Algorithm 1 of the paper, with the gradient of the critic in closed form: Wᵀ(a ⊙ (1 - tanh²(W x + b)))."""
    f, g = model.critic, model.generator
    adam_f = torch.optim.Adam(f.parameters(), 1e-2, (0.0, 0.9))
    adam_g = torch.optim.Adam(g.parameters(), 1e-2, (0.0, 0.9))
    noise = Noise(0, 0, "", Rows.all(16), dtype=torch.float64)

    for number in range(rounds):
        for step in range(number * n_critic, (number + 1) * n_critic):
            x = points(step=step).x
            z = replace(noise, step=step).of("prior").randn("z", LATENT)
            epsilon = replace(noise, step=step).of("critic").rand("mix")[:, None]
            fake = (z @ g.weight.T + g.bias).detach()
            middle = epsilon * x + (1 - epsilon) * fake
            gradient = (f.a * (1 - torch.tanh(middle @ f.w.T + f.b) ** 2)) @ f.w
            norms = (gradient**2).sum(dim=1).sqrt()
            adam_f.zero_grad()
            (f(fake) - f(x) + penalty * (norms - 1) ** 2).mean().backward()
            adam_f.step()

        z = replace(noise, step=(number + 1) * n_critic - 1).of("generator").randn("z", LATENT)
        adam_g.zero_grad()
        (-f(z @ g.weight.T + g.bias)).mean().backward()
        adam_g.step()


def test_training_is_the_published_algorithm() -> None:
    torch.manual_seed(0)
    ours, theirs = gan_with(TinyCritic()), gan_with(TinyCritic())
    theirs.load_state_dict(ours.state_dict())
    before = {name: parameter.clone() for name, parameter in ours.named_parameters()}

    train_by_phases(ours, WGANGP(penalty=3.0, n_critic=4), steps=12)
    train_by_hand(theirs, rounds=3, penalty=3.0, n_critic=4)

    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
        assert not torch.equal(a, before[name])


def test_the_penalty_of_a_linear_critic_has_a_closed_form() -> None:
    weight = torch.tensor([3.0, 4.0], dtype=torch.float64)
    terms = critic_terms(LinearCritic(weight))
    assert terms["penalty"].item() == pytest.approx((5 - 1) ** 2)
    assert terms["gradient_norm"].item() == pytest.approx(5)


def test_a_linear_critic_with_gradient_norm_one_has_no_penalty() -> None:
    assert critic_terms(LinearCritic(torch.tensor([0.6, 0.8])))["penalty"].item() == pytest.approx(0, abs=1e-12)


def test_the_penalty_is_two_sided() -> None:
    assert critic_terms(LinearCritic(torch.tensor([0.3, 0.4])))["penalty"].item() == pytest.approx(0.25)


def test_the_total_is_the_weighted_penalty_minus_the_distance() -> None:
    torch.manual_seed(0)
    terms = critic_terms(TinyCritic(), WGANGP(penalty=7.0))
    torch.testing.assert_close(terms["total"], 7.0 * terms["penalty"] - terms["wasserstein"])


def test_the_estimate_of_a_linear_critic_is_the_difference_of_means() -> None:
    torch.manual_seed(0)
    weight = torch.tensor([0.6, 0.8], dtype=torch.float64)
    model, batch = gan_with(LinearCritic(weight)), points()
    terms = WGANGP().critic_loss(model, batch.in_phase("critic")).terms
    assert set(WGANGP.about_terms) == {*terms, *WGANGP().generator_loss(model, batch.in_phase("generator")).terms}
    expected = (batch.x.mean(dim=0) - model.generator(batch.z).mean(dim=0)) @ weight
    torch.testing.assert_close(terms["wasserstein"], expected.detach())


def test_a_constant_critic_has_a_finite_gradient() -> None:
    model = gan_with(LinearCritic(torch.zeros(POINTS)))
    gradients = phase_gradients(WGANGP().phases()[0], model, points())
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_the_gradient_norm_is_computed_per_sample() -> None:
    # f(x) = ‖x‖²/2 has the gradient x.
    class Bowl(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * x.flatten(1).square().sum(dim=1)

    x = torch.randn(6, 2, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(gradient_norms(Bowl(), x, points()), x.flatten(1).norm(dim=1))


def test_images_are_interpolated_with_one_number_per_sample() -> None:
    x, y, epsilon = torch.zeros(4, 3, 2, 5), torch.ones(4, 3, 2, 5), torch.rand(4)
    torch.testing.assert_close(interpolate(x, y, epsilon), (1 - epsilon)[:, None, None, None].expand(4, 3, 2, 5))


def test_only_the_penalty_uses_full_precision() -> None:
    calls = []

    @contextmanager
    def exact():
        calls.append("enter")
        yield
        calls.append("exit")

    class Recording(LinearCritic):
        def forward(self, x: Tensor) -> Tensor:
            calls.append("critic")
            return super().forward(x)

    batch = replace(points(), full_precision=exact).in_phase("critic")
    WGANGP().critic_loss(gan_with(Recording(torch.ones(POINTS))), batch)
    assert calls == ["critic", "critic", "enter", "critic", "exit"]


def test_the_generator_phase_draws_other_latent_codes_than_the_critic_phase() -> None:
    seen = []
    model = gan_with(TinyCritic())
    model.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    for phase in WGANGP().phases():
        phase.loss(model, points().in_phase(phase.name))
    assert not torch.equal(*seen)


def test_gradients_reach_both_networks() -> None:
    model = MLPGAN(latent_dim=LATENT, width=8, layers=1, data_shape=(POINTS,)).double()
    loss = WGANGP(n_critic=2)
    assert_gradients_reach_updates(loss, model, points(), step=1)


def test_the_critic_phase_has_no_graph_through_the_generator() -> None:
    model = gan_with(TinyCritic())
    total = WGANGP().critic_loss(model, points().in_phase("critic")).total
    reached = torch.autograd.grad(total, list(model.generator.parameters()), allow_unused=True)
    assert reached == (None, None)


@pytest.mark.parametrize("n_critic", [1, 2, 5])
def test_the_generator_is_updated_in_every_nth_step(n_critic: int) -> None:
    critic, generator = WGANGP(n_critic=n_critic).phases()
    assert [critic.due(step) for step in range(10)] == [True] * 10
    assert [step + 1 for step in range(10) if generator.due(step)] == list(range(n_critic, 11, n_critic))


@pytest.mark.parametrize("shape", [(2,), (7,), (1, 4, 6)])
def test_the_networks_accept_samples_of_any_shape(shape: tuple[int, ...]) -> None:
    model = MLPGAN(latent_dim=LATENT, width=8, layers=1, data_shape=shape)
    samples = model.sample(torch.randn(5, LATENT))
    assert samples.shape == (5, *shape)
    assert model.critic(samples).shape == (5,)


def test_the_networks_have_the_published_size() -> None:
    model = MLPGAN(data_shape=(2,))
    hidden = 2 * 512 + 512 + 2 * (512 * 512 + 512)
    assert sum(p.numel() for p in model.generator.parameters()) == hidden + 2 * 512 + 2
    assert sum(p.numel() for p in model.critic.parameters()) == hidden + 512


@pytest.mark.trains
def test_training_moves_samples_to_the_data() -> None:
    # Data from N((2, -1), ½² I); the samples of the initial generator are near the origin.
    torch.manual_seed(0)
    target = torch.tensor([2.0, -1.0], dtype=torch.float64)
    model = MLPGAN(latent_dim=2, width=32, layers=1, data_shape=(2,)).double()
    optimisers = {name: torch.optim.Adam(c.parameters(), 2e-3, (0.0, 0.9)) for name, c in model.named_children()}
    for step in range(600):
        x = target + 0.5 * Noise(0, step, "data", Rows.all(64), dtype=torch.float64).randn("x", 2)
        take_step(WGANGP(penalty=1.0, n_critic=3), model, optimisers, batch_of(x, 2, step=step), step=step)
    samples = model.sample(torch.randn(1000, 2, dtype=torch.float64)).detach()
    assert (samples.mean(dim=0) - target).norm() < 0.5


def test_the_entries_name_the_parts_and_import_no_torch() -> None:
    entries = [*genkit_wgan_gp.genkit_losses(), *genkit_wgan_gp.genkit_models()]
    targets = {entry.name: entry.target for entry in entries}
    parts = {"wgan-gp": WGANGP, "mlp-gan": MLPGAN, "dcgan": DCGAN, "resnet-gan": ResNetGAN}
    assert targets == {name: f"{part.__module__}:{part.__name__}" for name, part in parts.items()}

    tree = ast.parse(Path(genkit_wgan_gp.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "collections.abc", "genkit.hooks"}
