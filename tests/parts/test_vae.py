"""VAE against a step written by hand, and against the evidence of a Gaussian in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from genkit.api import VAE, Autoencoder, Batch, ConstantSchedule, DiagNormal, Noise, Rows
from genkit.parts.schedules.linear import LinearSchedule
from genkit.testing import assert_gradients_reach_updates, assert_processes_agree, batch_of, take_step

POINTS, LATENT = 3, 2


class LinearEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(POINTS, 2 * LATENT)

    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(*self.linear(x).chunk(2, dim=1))


def linear_vae() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(LinearEncoder(), nn.Linear(LATENT, POINTS), LATENT, (POINTS,)).double()


def points(rows: int = 8, *, t: float = 0.0) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return batch_of(torch.randn(rows, POINTS, generator=generator, dtype=torch.float64), LATENT, t=t)


def test_a_step_equals_the_one_written_by_hand() -> None:
    model, by_hand, batch = linear_vae(), linear_vae(), points()
    loss = VAE(ConstantSchedule(2.0), ConstantSchedule(0.3))

    children = dict(model.named_children())
    take_step(
        loss, model, {name: torch.optim.Adam(child.parameters(), lr=0.01) for name, child in children.items()}, batch
    )

    optimiser = torch.optim.Adam(by_hand.parameters(), lr=0.01)
    eps = Noise(0, 0, "vae", Rows.all(8), dtype=torch.float64).randn("posterior", LATENT)
    w, b = by_hand.encoder.linear.weight, by_hand.encoder.linear.bias
    mu, logvar = batch.x @ w[:LATENT].T + b[:LATENT], batch.x @ w[LATENT:].T + b[LATENT:]
    z = mu + torch.sqrt(torch.exp(logvar)) * eps
    y = z @ by_hand.decoder.weight.T + by_hand.decoder.bias
    rec = ((batch.x - y) ** 2).sum() / 8
    kl = (-0.5 * (1 + logvar - mu**2 - torch.exp(logvar))).sum() / 8
    (2.0 * rec + 0.3 * kl).backward()
    optimiser.step()

    for ours, theirs in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    terms = loss.loss(linear_vae(), batch.in_phase("vae")).terms
    torch.testing.assert_close(terms["rec"], rec.detach())
    torch.testing.assert_close(terms["kl"], kl.detach())


class TruePosterior(nn.Module):
    """Posterior p(z|x) of x = W z + b + N(0, ½ I), where W has orthogonal columns: a diagonal Gaussian."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> DiagNormal:
        precision = 1 + 2 * self.weight.square().sum(dim=0)
        mu = 2 * (x - self.bias) @ self.weight / precision
        return DiagNormal(mu, -precision.log().expand_as(mu))


def test_at_the_true_posterior_the_loss_is_the_negative_log_evidence() -> None:
    weight = torch.tensor([[1.0, 2.0], [2.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
    weight[2, 1] = 0.0
    bias = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
    decoder = nn.Linear(LATENT, POINTS).double()
    decoder.weight.data, decoder.bias.data = weight, bias
    model = Autoencoder(TruePosterior(weight, bias), decoder, LATENT, (POINTS,))

    x = torch.tensor([[1.0, -0.5, 2.0]], dtype=torch.float64)
    rows = 400_000
    bound = VAE().loss(model, batch_of(x.expand(rows, -1), LATENT).in_phase("vae")).total

    covariance = weight @ weight.T + 0.5 * torch.eye(POINTS, dtype=torch.float64)
    evidence = MultivariateNormal(bias, covariance).log_prob(x[0])
    # R does not contain the constant (D/2)·log π of a Gaussian decoder with variance ½.
    assert bound.item() + 0.5 * POINTS * math.log(math.pi) == pytest.approx(-evidence.item(), abs=0.01)


def test_with_any_other_posterior_the_loss_is_an_upper_bound() -> None:
    weight = torch.tensor([[1.0, 2.0], [2.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
    decoder = nn.Linear(LATENT, POINTS, bias=False).double()
    decoder.weight.data = weight
    wider = TruePosterior(0.7 * weight, torch.zeros(POINTS, dtype=torch.float64))
    x = torch.tensor([[1.0, -0.5, 2.0]], dtype=torch.float64).expand(100_000, -1)
    model = Autoencoder(wider, decoder, LATENT, (POINTS,))
    bound = VAE().loss(model, batch_of(x, LATENT).in_phase("vae")).total

    covariance = weight @ weight.T + 0.5 * torch.eye(POINTS, dtype=torch.float64)
    evidence = MultivariateNormal(torch.zeros(POINTS, dtype=torch.float64), covariance).log_prob(x[0])
    assert bound.item() + 0.5 * POINTS * math.log(math.pi) > -evidence.item() + 0.05


def test_the_gradient_reaches_both_networks() -> None:
    assert_gradients_reach_updates(VAE(), linear_vae(), points(), step=0)


@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("key", ["beta_rec", "beta_kl"])
def test_the_weights_follow_their_schedules(key: str, t: float) -> None:
    phase = VAE(**{key: LinearSchedule(0.5, 2.0)}).warm_up(9, per_component=False)
    result = phase.loss(linear_vae(), points(t=t).in_phase("vae", start=0.25))
    weights = {"beta_rec": 1.0, "beta_kl": 1.0, key: 0.5 + 1.5 * t}
    expected = weights["beta_rec"] * result.terms["rec"] + weights["beta_kl"] * result.terms["kl"]
    torch.testing.assert_close(result.total.detach(), expected, rtol=1e-14, atol=0)


def test_a_warm_up_is_due_before_it_stops() -> None:
    phase = VAE().warm_up(3, per_component=False)
    assert [phase.due(step) for step in range(5)] == [True, True, True, False, False]
    assert all(VAE().phases()[0].due(step) for step in range(5))
    assert phase.updates == ("encoder", "decoder", "prior")


def test_two_processes_take_the_step_of_one() -> None:
    assert_processes_agree(VAE(), linear_vae(), points())
