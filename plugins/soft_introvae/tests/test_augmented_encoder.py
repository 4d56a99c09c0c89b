"""Soft-IntroVAE whose encoder reads changed pictures: which calls are changed, and how."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from genkit_soft_introvae.loss import SoftIntroVAE
from torch import Tensor

from genkit.api import Autoencoder, Batch, ConstantSchedule, cutout, shift
from genkit.testing import assert_gradients_reach_updates, assert_processes_agree, batch_of, small_autoencoder

LATENT, SHAPE = 3, (2, 8, 8)


def batch(size: int = 12) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return batch_of(1 + torch.rand(size, *SHAPE, dtype=torch.float64, generator=generator), LATENT)


def read_by_encoder(loss: SoftIntroVAE, model: Autoencoder, inputs: Batch) -> dict[str, list[Tensor]]:
    """Return the inputs of the encoder in each phase, and the totals."""
    found: dict[str, list[Tensor]] = {}
    inputs = replace(inputs, carry={})
    for phase in loss.phases():
        seen: list[Tensor] = []
        handle = model.encoder.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0].detach()))
        total = phase.loss(model, inputs.in_phase(phase.name)).total.detach()
        handle.remove()
        found[phase.name] = [*seen, total]
    return found


def test_without_keys_and_with_0_nothing_is_drawn_and_nothing_changes():
    model = small_autoencoder(SHAPE, LATENT)
    plain, zero = SoftIntroVAE(), SoftIntroVAE(cutout=0.0, shift=0.0, augment_probability=1.0)
    for name, tensors in read_by_encoder(plain, model, batch()).items():
        for ours, theirs in zip(tensors, read_by_encoder(zero, model, batch())[name], strict=True):
            assert torch.equal(ours, theirs)


def test_every_call_of_the_encoder_reads_pictures_with_changes_of_its_own():
    model, inputs = small_autoencoder(SHAPE, LATENT), batch()
    changed = SoftIntroVAE(cutout=0.5, shift=0.25, augment_probability=1.0)
    seen = read_by_encoder(changed, model, inputs)
    assert [len(tensors) - 1 for tensors in seen.values()] == [1, 3, 2]
    for phase, tensors in seen.items():
        kinds = ("rec", "fake") if phase == "decoder" else ("real", "rec", "fake")
        for of, found in zip(kinds, tensors[:-1], strict=False):
            noise = inputs.noise.of(phase).within(f"augment-{of}")
            if of == "real":
                expected = shift(inputs.x, noise, distance=0.25, probability=1.0)
                assert torch.equal(found, cutout(expected, noise, side=0.5, probability=1.0))
            # Decoded values are never exactly 0, so the zeros are those of the changes.
            assert ((found == 0).flatten(1).sum(dim=1) >= 2 * 8).sum() > 9
    masks = [found == 0 for tensors in seen.values() for found in tensors[:-1]]
    assert not any(torch.equal(a, b) for number, a in enumerate(masks) for b in masks[:number])


def test_the_targets_of_the_reconstruction_error_are_not_changed():
    model, inputs, targets = small_autoencoder(SHAPE, LATENT), batch(), []

    class Recording(Autoencoder):
        def error(self, x: Tensor, output: Tensor) -> Tensor:
            targets.append(x)
            return super().error(x, output)

    model = Recording(model.encoder, model.decoder, LATENT, SHAPE)
    loss = SoftIntroVAE(cutout=0.5, shift=0.25, augment_probability=1.0, gamma_r=1.0)
    read_by_encoder(loss, model, inputs)
    assert len(targets) == 1 + 3 + 3
    assert not any((target == 0).any() for target in targets)
    assert [torch.equal(target, inputs.x) for target in targets] == [True, True, False, False, True, False, False]


def test_the_probability_is_one_half_by_default():
    model, inputs = small_autoencoder(SHAPE, LATENT), batch(400)
    seen = read_by_encoder(SoftIntroVAE(cutout=0.5), model, inputs)
    changed = (seen["encoder"][0] != inputs.x).flatten(1).any(dim=1).double().mean().item()
    assert changed == pytest.approx(0.5, abs=0.07)
    assert SoftIntroVAE().augment_probability is None


def test_gradients_pass_and_two_processes_compute_the_step_of_one():
    loss = SoftIntroVAE(cutout=0.5, shift=0.25, gamma_r=1.0, beta_neg=ConstantSchedule(2.0))
    assert_gradients_reach_updates(loss, small_autoencoder(SHAPE, LATENT), batch(), step=0)
    assert_processes_agree(loss, small_autoencoder(SHAPE, LATENT), batch())


def test_a_probability_of_nothing_is_refused():
    with pytest.raises(ValueError, match="augment_probability"):
        SoftIntroVAE(augment_probability=0.3)


def test_points_are_refused():
    loss = SoftIntroVAE(shift=0.1)
    with pytest.raises(ValueError, match="shift"):
        loss.encoder_loss(small_autoencoder((2,), LATENT), batch_of(torch.zeros(4, 2).double(), LATENT))
