"""Total correlation, against sums written as loops, against Gaussians, and within the losses of Soft-IntroVAE."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from genkit_soft_introvae.learnt_prior import SoftIntroVAEPrior
from genkit_soft_introvae.loss import SoftIntroVAE
from genkit_soft_introvae.total_correlation import total_correlation
from torch import Tensor

from genkit.api import ConstantSchedule, DiagNormal
from genkit.testing import assert_processes_agree, assert_schedules_follow_the_run, batch_of, small_autoencoder

LATENT = 3


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_loops(z: Tensor, q: DiagNormal) -> list[float]:
    """Return log q̄(z) - Σ_d log q̄(z_d) of each code, with sums of densities."""

    def density(value: float, mean: float, logvar: float) -> float:
        return math.exp(-((value - mean) ** 2) / (2 * math.exp(logvar))) / math.sqrt(2 * math.pi * math.exp(logvar))

    found = []
    for code in z.tolist():
        columns = list(zip(q.mu.tolist(), q.logvar.tolist(), strict=True))
        each = [[density(*three) for three in zip(code, mu, logvar, strict=True)] for mu, logvar in columns]
        joint = sum(math.prod(row) for row in each) / len(each)
        marginals = [sum(column) / len(each) for column in zip(*each, strict=True)]
        found.append(math.log(joint) - sum(map(math.log, marginals)))
    return found


def test_it_equals_sums_of_densities_written_as_loops():
    q = DiagNormal(normal(5, LATENT), 0.5 * normal(5, LATENT, seed=1))
    z = normal(4, LATENT, seed=2)
    assert total_correlation(z, q).tolist() == pytest.approx(by_loops(z, q), rel=1e-12)


def test_it_is_0_for_one_dimension_and_for_equal_posteriors():
    wide = DiagNormal(normal(6, 1), normal(6, 1, seed=1))
    assert total_correlation(normal(6, 1, seed=2), wide).abs().max() < 1e-12
    equal = DiagNormal(torch.ones(6, LATENT).double(), torch.zeros(6, LATENT).double())
    assert total_correlation(normal(6, LATENT), equal).abs().max() < 1e-12


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_its_mean_approaches_that_of_a_gaussian_as_the_batch_grows(rho):
    """Posteriors N(m, σ²·I) with m ~ N(0, C - σ²·I) have the aggregate N(0, C), whose TC is -½·log(1 - ρ²)."""
    size, variance = 1500, 0.05
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]]).double()
    root = torch.linalg.cholesky(covariance - variance * torch.eye(2).double())
    q = DiagNormal(normal(size, 2) @ root.T, torch.full((size, 2), math.log(variance)).double())
    found = total_correlation(q.sample(normal(size, 2, seed=1)), q)
    assert found.mean().item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.04)


def test_posteriors_that_do_not_overlap_have_the_stated_bound():
    apart = DiagNormal(100 * torch.arange(7.0)[:, None].expand(7, LATENT).double(), torch.zeros(7, LATENT).double())
    expected = torch.full((7,), (LATENT - 1) * math.log(7)).double()
    torch.testing.assert_close(total_correlation(apart.mu, apart), expected)


def loss_with(tc_beta: float | None, **keys) -> SoftIntroVAE:
    weight = None if tc_beta is None else ConstantSchedule(tc_beta)
    betas = {"beta_rec": ConstantSchedule(0.3), "beta_kl": ConstantSchedule(0.7), "beta_neg": ConstantSchedule(1.6)}
    return SoftIntroVAE(**betas, tc_beta=weight, **keys)


def totals(loss, model, batch) -> list[Tensor]:
    batch = replace(batch, carry={})
    return [phase.loss(model, batch.in_phase(phase.name)).total for phase in loss.phases()]


def test_a_weight_of_1_is_soft_introvae_to_the_bit():
    model, batch = small_autoencoder((2,), LATENT), batch_of(normal(8, 2), LATENT)
    without, with_1, with_3 = (totals(loss_with(each, gamma_r=0.5), model, batch) for each in (None, 1.0, 3.0))
    assert without == with_1
    assert without[0] == with_3[0], "the warm-up is a plain VAE"
    assert without[1] != with_3[1] and without[2] != with_3[2]


def test_the_totals_are_those_of_kl_plus_weighted_total_correlation_written_by_hand():
    model, batch = small_autoencoder((2,), LATENT), batch_of(normal(8, 2), LATENT)
    rec, kl, neg, extra, s = 0.3, 0.7, 1.6, 2.0, 0.5
    loss = loss_with(1 + extra)
    found = {}
    for phase in loss.phases()[1:]:
        inputs = batch.in_phase(phase.name)
        found[phase.name] = phase.loss(model, inputs)

        def drawn(q: DiagNormal, tag: str, inputs=inputs) -> Tensor:
            return q.mu + (q.logvar / 2).exp() * inputs.randn(tag, LATENT)

        def weighed(q: DiagNormal, z: Tensor) -> Tensor:
            divergence = 0.5 * (q.mu**2 + q.logvar.exp() - 1 - q.logvar).sum(dim=1)
            return divergence + extra * torch.tensor(by_loops(z, q), dtype=torch.float64)

        r, g = batch.carry["rec"], batch.carry["fake"]
        fakes = {"rec": (r, model.encoder(r)), "fake": (g, model.encoder(g))}
        if phase.name == "encoder":
            q = model.encoder(batch.x)
            expected = s * (rec * ((batch.x - r) ** 2).sum(dim=1) + kl * weighed(q, drawn(q, "posterior")))
            for of, (y, q_y) in fakes.items():
                z = drawn(q_y, f"posterior-{of}")
                elbo = rec * ((y - model.decoder(z)) ** 2).sum(dim=1) + neg * weighed(q_y, z)
                expected = expected + 0.25 * (-2 * s * elbo).exp()
        else:
            both = sum(weighed(q_y, drawn(q_y, f"posterior-{of}")) for of, (_, q_y) in fakes.items())
            expected = s * (rec * ((batch.x - r) ** 2).sum(dim=1) + kl * 0.5 * both)
        assert found[phase.name].total.item() == pytest.approx(expected.mean().item(), rel=1e-12)
    assert {"tc_real", "tc_rec", "tc_fake"} <= found["encoder"].terms.keys()
    assert {"tc_rec", "tc_fake"} <= found["decoder"].terms.keys()


@pytest.mark.parametrize("kind", [SoftIntroVAE, SoftIntroVAEPrior])
def test_two_processes_compute_the_step_of_one(kind):
    loss = kind(tc_beta=ConstantSchedule(4.0), gamma_r=1.0)
    assert_processes_agree(loss, small_autoencoder((2,), LATENT), batch_of(normal(8, 2), LATENT))


def test_all_posteriors_of_a_phase_are_gathered_in_one_exchange():
    exchanges = []

    def gather(x: Tensor) -> Tensor:
        exchanges.append(x.shape)
        return x

    batch = replace(batch_of(normal(8, 2), LATENT), gather_rows=gather)
    totals(loss_with(3.0), small_autoencoder((2,), LATENT), batch)
    assert [tuple(shape) for shape in exchanges] == [(8, 6 * LATENT), (8, 4 * LATENT)]


def test_the_weight_is_read_at_the_progress_of_the_run():
    batch = batch_of(normal(8, 2), LATENT, t=0.4)
    assert_schedules_follow_the_run(loss_with(2.0), small_autoencoder((2,), LATENT), batch, "tc_beta")
