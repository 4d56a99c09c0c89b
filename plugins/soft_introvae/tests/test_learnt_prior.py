"""Soft-IntroVAE with a learnt prior, against its equations written out, and against Soft-IntroVAE."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from genkit_soft_introvae.learnt_prior import SoftIntroVAEPrior
from genkit_soft_introvae.loss import SoftIntroVAE
from torch import Tensor

from genkit.api import Autoencoder, Batch, ConstantSchedule, DiagNormal, Mixture, StandardNormal
from genkit.core.loss import turns_of
from genkit.recipe.plan import make_plan
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    batch_of,
    phase_gradients,
    small_autoencoder,
)

LATENT, BETAS = (
    3,
    {"beta_rec": ConstantSchedule(0.4), "beta_kl": ConstantSchedule(0.7), "beta_neg": ConstantSchedule(2.0)},
)


def model_with(**prior) -> Autoencoder:
    model = small_autoencoder((2,), LATENT)
    torch.manual_seed(1)
    keys = {"components": 4, "logvars": -0.5, "learnt": True, "learnt_weights": True, **prior}
    model.prior = Mixture(**keys, latent_dim=LATENT).double()
    with torch.no_grad():
        if isinstance(model.prior.logvars, torch.nn.Parameter):
            model.prior.logvars += 0.3 * torch.randn(4, LATENT).double()
            model.prior.logits += torch.randn(4).double()
    return model


def points(size: int = 16) -> Tensor:
    return torch.randn(size, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def batch_for(model: Autoencoder) -> Batch:
    return batch_of(points(), LATENT, t=0.5, prior=model.prior)


def bound(q: DiagNormal, prior: Mixture, *, constant: bool = False) -> tuple[Tensor, Tensor]:
    """Return the KL from the mixture and the responsibilities, component by component."""
    m, v, logits = (each.detach() if constant else each for each in (prior.means, prior.logvars, prior.logits))
    log_weights = logits - logits.exp().sum().log()
    terms = []
    for c in range(len(m)):
        kl = 0.5 * ((q.mu - m[c]) ** 2 / v[c].exp() + q.logvar.exp() / v[c].exp() - 1 - q.logvar + v[c]).sum(dim=1)
        terms.append(log_weights[c] - kl)
    stacked = torch.stack(terms, dim=1)
    total = stacked.exp().sum(dim=1).log()
    return -total, (stacked - total[:, None]).exp()


def by_hand(loss: SoftIntroVAEPrior, model: Autoencoder, batch: Batch, weight: float) -> tuple[Tensor, Tensor]:
    """Return L_E and L_DP of the docstring of the module, with γ_r = 0, for prior noise and draws of the batch."""
    rec, kl, neg, s = 0.4, 0.7, 2.0, 0.5
    prior, draw = model.prior, batch.in_phase("encoder").randn

    def sampled(q: DiagNormal, tag: str) -> Tensor:
        return model.decoder(q.mu + (q.logvar / 2).exp() * draw(tag, LATENT))

    def squared(a: Tensor, b: Tensor) -> Tensor:
        return ((a - b) ** 2).sum(dim=1)

    u, eps = batch.prior_noise.rand("component"), batch.prior_noise.randn("z", LATENT)
    weights = prior.logits.exp() / prior.logits.exp().sum()
    chosen = [next(c for c in range(4) if u_i < weights[: c + 1].sum() or c == 3) for u_i in u]
    codes = torch.stack([prior.means[c] + (prior.logvars[c] / 2).exp() * e for c, e in zip(chosen, eps, strict=True)])
    q = model.encoder(batch.x)
    r, g = sampled(q, "posterior"), model.decoder(codes)

    exps = []
    for y, tag in ((r, "rec"), (g, "fake")):
        q_y = model.encoder(y.detach())
        elbo = rec * squared(y, sampled(q_y, f"posterior-{tag}")) + neg * bound(q_y, prior)[0]
        exps.append((-2 * s * elbo).exp())
    kl_real, shares = bound(q, prior)
    mean = shares.mean(dim=0)
    entropy = (mean * (mean + 1e-8).log()).sum() / math.log(4)
    encoder = (s * (rec * squared(batch.x, r) + kl * kl_real) + sum(exps) / 4).mean() + s * weight * entropy

    fakes = sum(bound(model.encoder(y), prior, constant=True)[0] for y in (r, g)) / 2
    detached = DiagNormal(q.mu.detach(), q.logvar.detach())
    decoder = s * (rec * squared(batch.x, r) + kl * fakes + kl * bound(detached, prior)[0]).mean()
    return encoder, decoder


@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_totals_and_gradients_are_those_of_the_equations(weight):
    model = model_with()
    batch = batch_for(model)
    loss = SoftIntroVAEPrior(**BETAS, responsibility=ConstantSchedule(weight))
    _, encoder, decoder = loss.phases()
    assert (encoder.updates, decoder.updates) == (("encoder",), ("decoder", "prior"))
    expected = dict(zip(("encoder", "decoder"), by_hand(loss, model, batch, weight), strict=True))
    for phase in (encoder, decoder):
        found = phase.loss(model, batch.in_phase(phase.name)).total
        torch.testing.assert_close(found, expected[phase.name], rtol=1e-12, atol=0)
        weights = [each for child in phase.updates for each in getattr(model, child).parameters()]
        ours, theirs = (
            torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
            for total in (found, expected[phase.name])
        )
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-14)


def test_every_parameter_of_every_player_is_reached():
    model = model_with()
    assert_gradients_reach_updates(SoftIntroVAEPrior(**BETAS), model, batch_for(model), step=0)
    warm = SoftIntroVAEPrior(**BETAS, warmup_steps=2)
    assert_gradients_reach_updates(warm, model, batch_for(model), step=0)


def test_the_weights_of_the_mixture_follow_the_posteriors_of_data_only():
    """No gradient reaches them through the component of a fake: without data they would not move."""
    model = model_with()
    batch = batch_for(model)
    loss = SoftIntroVAEPrior(beta_kl=ConstantSchedule(1.0))
    loss.encoder_loss(model, batch.in_phase("encoder"))
    total = SoftIntroVAE.decoder_loss(loss, model, batch.in_phase("decoder")).total  # without KL(sg[q] || p)
    logits, means = torch.autograd.grad(total, [model.prior.logits, model.prior.means], allow_unused=True)
    assert logits is None and means is not None and means.abs().max() > 0


def test_two_processes_take_the_step_of_one():
    model = model_with()
    loss = SoftIntroVAEPrior(**BETAS, responsibility=ConstantSchedule(2.0))
    assert_processes_agree(loss, model, batch_for(model))


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_a_prior_that_is_n01_and_not_learnt_gives_soft_introvae_to_the_bit(prior):
    model = small_autoencoder((2,), LATENT)
    model.prior = (
        StandardNormal(latent_dim=LATENT)
        if prior == "normal"
        else Mixture(means=((0.0,) * LATENT,), latent_dim=LATENT).double()
    )
    plain = small_autoencoder((2,), LATENT)
    of_prior, of_plain = SoftIntroVAEPrior(**BETAS).phases(), SoftIntroVAE(**BETAS).phases()
    batches = batch_for(model), batch_for(plain)
    for ours, theirs in zip(of_prior[1:], of_plain[1:], strict=True):
        first = phase_gradients(ours, model, batches[0])
        second = phase_gradients(replace(theirs, updates=ours.updates), plain, batches[1])
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_negative_entropy_pulls_responsibilities_apart():
    """A step of the encoder against the gradient of λ·H alone makes the mean responsibilities more equal."""
    model = model_with(learnt=False, learnt_weights=False)
    batch = batch_for(model).in_phase("encoder")
    loss = SoftIntroVAEPrior(responsibility=ConstantSchedule(1.0))

    def entropy() -> float:
        return loss.further_encoder_loss(model, model.encoder(batch.x), batch)[1]["entropy"].item()

    before = entropy()
    further, _ = loss.further_encoder_loss(model, model.encoder(batch.x), batch)
    weights = list(model.encoder.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(further, weights), strict=True):
        weight.data -= 0.1 * gradient
    assert 0 < before < entropy() <= 1


def test_the_prior_starts_from_codes_and_then_its_log_variances_are_bounded():
    model = model_with()
    batch = batch_for(model)
    loss = SoftIntroVAEPrior(warmup_steps=5, prior_from_codes=2)
    names = [turn.name for turn in turns_of(loss.phases(), loss.actions())]
    assert names == ["codes", "vae", "bounds", "encoder", "decoder"]
    codes, bounds = (action.for_batches(model, len(batch.x)) for action in loss.actions())
    assert [step for step in range(9) if codes.due(step)] == [2] and codes.resets == ("prior",)
    assert [step for step in range(9) if bounds.due(step)] == [5]

    codes.do(model, batch)
    q = model.encoder(batch.x)
    assert torch.equal(model.prior.means, q.mu[:4]) and torch.equal(model.prior.logvars, q.logvar[:4])
    free = model.prior.bounded_logvars.clone()
    assert torch.equal(free, model.prior.logvars)
    bounds.do(model, batch)
    low, high = q.logvar[:4].amin(dim=0), q.logvar[:4].amax(dim=0)
    with torch.no_grad():
        model.prior.logvars += 5
        assert (model.prior.bounded_logvars <= high + (high - low)).all()
        torch.testing.assert_close(model.prior.bounded_logvars, high.expand(4, LATENT), rtol=0, atol=0.01)
        model.prior.logvars -= 10
        torch.testing.assert_close(model.prior.bounded_logvars, low.expand(4, LATENT), rtol=0, atol=0.01)


def test_without_a_warm_up_nothing_is_bounded_and_a_constant_prior_is_not_trained():
    assert SoftIntroVAEPrior().actions() == ()
    assert SoftIntroVAEPrior(warmup_steps=3, bound_logvars=False).actions() == ()
    loss = SoftIntroVAEPrior(warmup_steps=3, train_prior=False)
    assert loss.actions() == () and loss.phases()[2].updates == ("decoder",) and "prior" in loss.phases()[0].updates


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (SoftIntroVAEPrior(responsibility=ConstantSchedule(1.0)), "responsibility = 1 needs a mixture"),
        (SoftIntroVAEPrior(prior_from_codes=0), "prior_from_codes"),
    ],
)
def test_settings_of_a_mixture_are_refused_for_n01(loss, words):
    model = small_autoencoder((2,), LATENT)
    batch = batch_for(model)
    with pytest.raises(ValueError, match=words):
        for turn in turns_of(loss.phases(), loss.actions()):
            (turn.do if hasattr(turn, "do") else turn.loss)(model, batch.in_phase(turn.name))


def test_bounds_without_a_warm_up_are_remarked():
    def remarked(prior, **keys):
        recipe = {
            "title": "bounds",
            "data": {"use": "8-gaussians"},
            "model": {"use": "mlp", "width": 4, "layers": 1, "prior": prior},
            "loss": {"use": "soft-introvae-prior", "beta_neg": 1.0, **keys},
            "optimiser": {child: {"use": "adam", "lr": 1e-3} for child in ("encoder", "decoder", "prior")},
            "train": {"steps": 10, "batch_size": 8},
        }
        if not prior.get("learnt"):
            del recipe["optimiser"]["prior"]
        return [each for each in make_plan(recipe).dry_run.remarks if "bound_logvars" in each]

    learnt = {"use": "mixture", "components": 2, "learnt": True}
    assert len(remarked(learnt)) == 1
    assert remarked(learnt, warmup_steps=2) == remarked(learnt, bound_logvars=False) == []
    assert remarked(learnt, train_prior=False) == remarked({"use": "mixture", "components": 2}) == []
