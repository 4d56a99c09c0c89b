"""Bootstrapped Soft-IntroVAE against its update written by hand, and against Soft-IntroVAE."""

from __future__ import annotations

import copy

import pytest
import torch
from genkit_soft_introvae.bootstrap import SoftIntroVAEBootstrap
from genkit_soft_introvae.loss import SoftIntroVAE
from torch import Tensor, nn

from genkit.api import Autoencoder, Batch, ConstantSchedule, DiagNormal, make_targets
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    batch_of,
    small_autoencoder,
    take_step,
)

LATENT, CHILDREN = 3, ("encoder", "decoder")
BETAS = {"beta_rec": ConstantSchedule(0.3), "beta_kl": ConstantSchedule(0.7), "beta_neg": ConstantSchedule(1.6)}


def other_decoder(model: Autoencoder) -> dict[str, nn.Module]:
    """Return a target that differs from the decoder."""
    targets = make_targets(model, ("decoder",))
    with torch.no_grad():
        for parameter in targets["decoder"].parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)).double())
    return targets


def data(step: int = 0, shape: tuple[int, ...] = (2,)) -> Tensor:
    return torch.randn(16, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))


def optimisers_of(model: Autoencoder, kind=torch.optim.Adam):
    return {child: kind(model.get_submodule(child).parameters(), 0.02) for child in CHILDREN}


def step_by_hand(model: Autoencoder, target: nn.Module, optimisers, batch: Batch, gamma: float) -> None:
    """Take a step with two frozen networks in each block, and everything computed again."""
    rec_weight, kl_weight, neg_weight = 0.3, 0.7, 1.6
    scale = 1 / batch.x[0].numel()

    def kl(q: DiagNormal) -> Tensor:
        return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1)

    def error(wanted: Tensor, output: Tensor) -> Tensor:
        return ((output - wanted) ** 2).reshape(len(wanted), -1).sum(1)

    def draw(q: DiagNormal, phase: str, tag: str) -> Tensor:
        return q.mu + torch.exp(q.logvar / 2) * batch.in_phase(phase).randn(tag, LATENT)

    fake = model.decoder(batch.z).detach()
    q = model.encoder(batch.x)
    z = draw(q, "encoder", "posterior")
    rec = model.decoder(z)
    total = scale * (rec_weight * error(batch.x, rec).mean() + kl_weight * kl(q).mean())
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y.detach())
        error_y = error(y, target(draw(q_y, "encoder", tag)))
        total = total + 0.25 * torch.exp(-2 * scale * (rec_weight * error_y + neg_weight * kl(q_y))).mean()
    weights = list(model.encoder.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(total, weights), strict=True):
        weight.grad = gradient
    optimisers["encoder"].step()

    fake, rec = model.decoder(batch.z), model.decoder(z.detach())
    total = rec_weight * error(batch.x, rec).mean()
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y)
        again = target(draw(q_y, "decoder", tag))
        total = total + 0.5 * kl_weight * kl(q_y).mean() + 0.5 * gamma * rec_weight * error(y, again).mean()
    weights = list(model.decoder.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(scale * total, weights), strict=True):
        weight.grad = gradient
    optimisers["decoder"].step()


@pytest.mark.parametrize("gamma_r", [1.0, 0.0])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
def test_steps_equal_the_update_written_by_hand(shape, gamma_r):
    """Four steps, of which the second ends with a copy; the first begins with one."""
    ours, theirs = small_autoencoder(shape, LATENT), small_autoencoder(shape, LATENT)
    targets, target = other_decoder(ours), copy.deepcopy(theirs.decoder)
    loss = SoftIntroVAEBootstrap(**BETAS, gamma_r=gamma_r, target_every=2)
    optimisers = optimisers_of(ours), optimisers_of(theirs)
    for step in range(4):
        x = data(step, shape)
        take_step(loss, ours, optimisers[0], batch_of(x, LATENT, step=step, targets=targets), step=step)
        step_by_hand(theirs, target, optimisers[1], batch_of(x, LATENT, step=step), gamma_r)
        if step % 2 == 1:
            target.load_state_dict(theirs.decoder.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)
    for p, q in zip(targets["decoder"].parameters(), target.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("warmup_steps", [0, 2, 4])
def test_the_target_follows_at_the_documented_steps(warmup_steps):
    model = small_autoencoder((2,), LATENT)
    targets, optimisers = other_decoder(model), optimisers_of(model)
    loss = SoftIntroVAEBootstrap(warmup_steps=warmup_steps, target_every=3, target_decay=0.9)

    def flat(module: nn.Module) -> Tensor:
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    for step in range(7):
        before, decoder = flat(targets["decoder"]), flat(model.decoder)
        take_step(loss, model, optimisers, batch_of(data(step), LATENT, step=step, targets=targets), step=step)
        after = flat(targets["decoder"])
        expected = before
        if step == warmup_steps:
            expected = decoder
        if step >= warmup_steps and step % 3 == 2:
            expected = 0.9 * expected + 0.1 * flat(model.decoder)
        torch.testing.assert_close(after, expected, rtol=1e-12, atol=1e-14)


def test_only_the_fakes_are_reconstructed_by_the_target():
    model = small_autoencoder((2,), LATENT)
    for gamma_r, decodes in ((0.0, 2), (1.0, 4)):
        count = {"decoder": 0, "target": 0}
        targets, batch = make_targets(model, ("decoder",)), None
        handles = [
            model.decoder.register_forward_hook(lambda *_, c=count: c.update(decoder=c["decoder"] + 1)),
            targets["decoder"].register_forward_hook(lambda *_, c=count: c.update(target=c["target"] + 1)),
        ]
        batch = batch_of(data(), LATENT, targets=targets)
        loss = SoftIntroVAEBootstrap(gamma_r=gamma_r, warmup_steps=1)
        loss.phases()[0].loss(model, batch.in_phase("vae"))
        assert count == {"decoder": 1, "target": 0}, "the warm-up decodes with the decoder"
        for phase in loss.phases()[1:]:
            phase.loss(model, batch.in_phase(phase.name))
        assert count == {"decoder": 3, "target": decodes}
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("step", [0, 1])
def test_gradients_reach_what_the_phases_update(step):
    model = small_autoencoder((2,), LATENT)
    batch = batch_of(data(), LATENT, targets=other_decoder(model))
    assert_gradients_reach_updates(SoftIntroVAEBootstrap(warmup_steps=1), model, batch, step=step)


def test_schedules_processes_and_other_keys_are_those_of_soft_introvae():
    model = small_autoencoder((2,), LATENT)
    batch = batch_of(data(), LATENT, t=0.4, targets=other_decoder(model))
    assert_schedules_follow_the_run(SoftIntroVAEBootstrap(), model, batch, "beta_rec", "beta_kl", "beta_neg")
    assert_processes_agree(SoftIntroVAEBootstrap(tc_beta=ConstantSchedule(2.0)), model, batch)
    keys = {name: value for name, value in vars(SoftIntroVAE()).items() if name != "gamma_r"}
    assert keys.items() <= vars(SoftIntroVAEBootstrap()).items()
    assert SoftIntroVAEBootstrap().gamma_r == 1.0
