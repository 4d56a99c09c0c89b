"""The loss `reversed` against a step written by hand, and the laws of its embedding term."""

from __future__ import annotations

import math

import pytest
import torch
from genkit_reversed.embedding import embedding_distance, features_apart
from genkit_reversed.loss import Reversed
from genkit_reversed.sigmoid_squared import SigmoidSquared
from genkit_soft_introvae.loss import SoftIntroVAE
from torch import Tensor, nn

from genkit.api import Autoencoder, Batch, ConstantSchedule, DiagNormal, Posterior
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    batch_of,
    phase_gradients,
    take_step,
)

LATENT, SHAPE = 3, (1, 8, 8)

CHILDREN = ("encoder", "decoder")

BETAS = dict(zip(("beta_rec", "beta_kl", "beta_neg"), map(ConstantSchedule, (0.4, 0.7, 1.6)), strict=True))


class TwoLevels(Autoencoder):
    """A network with two levels of maps, in float64."""

    def __init__(self, norm: type[nn.Module] = nn.Identity, shape: tuple[int, ...] = SHAPE) -> None:
        torch.manual_seed(0)
        encoder = nn.Sequential(
            *(nn.Conv2d(1, 4, 3, 2, 1), norm(*[4][: norm is not nn.Identity]), nn.Tanh()),
            *(nn.Conv2d(4, 6, 3, 2, 1), nn.Tanh()),
            *(nn.Flatten(), nn.Linear(24, 2 * LATENT), Posterior()),
        )
        decoder = nn.Sequential(nn.Linear(LATENT, 16), nn.Tanh(), nn.Linear(16, 64), nn.Unflatten(1, shape))
        super().__init__(encoder, decoder, LATENT, shape)
        self.double()

    def features(self, x: Tensor) -> list[Tensor]:
        first = self.encoder[:3](x)
        return [first, self.encoder[3:5](first)]


def data(step: int = 0, size: int = 12) -> Tensor:
    return torch.rand(size, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))


def a_batch(step: int = 0, t: float = 0.0) -> Batch:
    return batch_of(data(step), LATENT, step=step, t=t)


def distance_by_hand(f: list[Tensor], g: list[Tensor]) -> Tensor:
    """Return the embedding distance as it is published: means over all components of a level, cosines by samples."""
    total = torch.zeros((), dtype=torch.float64)
    for one, other in zip(f, g, strict=True):
        total = total + 0.5 * ((one - other) ** 2).sum() / one.numel()
        cosines = []
        for a, b in zip(one, other, strict=True):
            cosines.append((a * b).sum() / ((a * a).sum().sqrt() * (b * b).sum().sqrt()))
        total = total + 1 - sum(cosines) / len(cosines)
    return total


def step_by_hand(model, optimisers, batch, weight, gamma, sigmoid) -> None:
    """Take a step of RA: two blocks, each with the other network frozen and everything computed again."""
    s = 1 / 64

    def sample(logits):
        return torch.sigmoid(logits) if sigmoid else logits

    def kl(q):
        return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1)

    def error(target, output):
        return ((output - target) ** 2).reshape(len(target), -1).sum(1)

    def draw(q, phase, tag):
        return q.mu + torch.exp(q.logvar / 2) * batch.in_phase(phase).randn(tag, LATENT)

    model.encoder.requires_grad_(True)
    model.decoder.requires_grad_(False)
    fake = sample(model.decoder(batch.z))
    q: DiagNormal = model.encoder(batch.x)
    z = draw(q, "encoder", "posterior")
    rec = sample(model.decoder(z))
    total = s * (0.4 * error(batch.x, rec).mean() + 0.7 * kl(q).mean())
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y.detach())
        error_y = error(y, sample(model.decoder(draw(q_y, "encoder", tag))))
        total = total + 0.25 * torch.exp(-2 * s * (0.4 * error_y + 1.6 * kl(q_y))).mean()
    total = total + weight * distance_by_hand(model.features(batch.x), model.features(rec.detach()))
    optimisers["encoder"].zero_grad()
    total.backward()
    optimisers["encoder"].step()

    model.encoder.requires_grad_(False)
    model.decoder.requires_grad_(True)
    fake = sample(model.decoder(batch.z))
    rec = sample(model.decoder(z.detach()))
    total = 0.4 * error(batch.x, rec).mean()
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y)
        error_y = error(y.detach(), sample(model.decoder(draw(q_y, "decoder", tag).detach())))
        total = total + 0.5 * 0.7 * kl(q_y).mean() + 0.5 * gamma * 0.4 * error_y.mean()
    optimisers["decoder"].zero_grad()
    (s * total).backward()
    optimisers["decoder"].step()
    model.encoder.requires_grad_(True)


@pytest.mark.parametrize("sigmoid", [False, True])
@pytest.mark.parametrize("gamma_r", [1.0, 0.0])
@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_steps_equal_the_published_update_written_by_hand(optimiser, gamma_r, sigmoid):
    ours, theirs = TwoLevels(), TwoLevels()
    if sigmoid:
        ours.reconstruction_error = SigmoidSquared()
    start = [p.detach().clone() for p in ours.parameters()]
    loss = Reversed(**BETAS, gamma_r=gamma_r, embedding=ConstantSchedule(0.3))
    optimisers = [{c: optimiser(m.get_submodule(c).parameters(), 0.02) for c in CHILDREN} for m in (ours, theirs)]
    for step in range(4):
        take_step(loss, ours, optimisers[0], a_batch(step))
        step_by_hand(theirs, optimisers[1], a_batch(step), 0.3, gamma_r, sigmoid)
    for p, q, p_0 in zip(ours.parameters(), theirs.parameters(), start, strict=True):
        assert not torch.allclose(p, p_0, rtol=0, atol=1e-5)
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def test_without_a_weight_it_is_soft_introvae_to_the_bit():
    ours, theirs = TwoLevels(), TwoLevels()
    batches = a_batch(), a_batch()
    pairs = zip(Reversed(**BETAS, embedding=ConstantSchedule(0.0)).phases(), SoftIntroVAE(**BETAS).phases())
    for first, second in pairs:
        gradients = [phase_gradients(first, ours, batches[0]), phase_gradients(second, theirs, batches[1])]
        assert gradients[0].keys() == gradients[1].keys()
        assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


@pytest.mark.parametrize("weight", [0.005, 2.0])
def test_the_weight_is_not_scaled_by_the_number_of_pixels(weight):
    model, batch = TwoLevels(), a_batch().in_phase("encoder")
    with_it = Reversed(**BETAS, embedding=ConstantSchedule(weight)).encoder_loss(model, batch)
    without = SoftIntroVAE(**BETAS).encoder_loss(model, batch)
    added = with_it.total.item() - without.total.item()
    expected = distance_by_hand(model.features(batch.x), model.features(batch.carry["rec"])).item()
    assert expected > 0.01
    assert added == pytest.approx(weight * expected, rel=1e-9)
    assert set(Reversed.about_terms) <= set(with_it.terms)
    assert with_it.terms["embedding"].item() == pytest.approx(expected, rel=1e-12)
    assert {k: v.item() for k, v in with_it.terms.items() if k != "embedding"} == {
        k: v.item() for k, v in without.terms.items()
    }


def test_the_term_is_logged_also_while_its_weight_is_0_and_then_carries_no_gradient():
    model, batch = TwoLevels(), a_batch().in_phase("encoder")
    graphs = []
    model.encoder[3].register_forward_hook(lambda _, inputs, output: graphs.append(output.requires_grad))
    found = Reversed(embedding=ConstantSchedule(0.0)).encoder_loss(model, batch)
    assert graphs[-2:] == [False, False] and graphs[0]
    assert found.terms["embedding"].item() == pytest.approx(
        distance_by_hand(model.features(batch.x), model.features(batch.carry["rec"])).item()
    )


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_every_weight_is_read_at_the_progress_of_the_run(t):
    keys = ("beta_rec", "beta_kl", "beta_neg", "embedding")
    assert_schedules_follow_the_run(Reversed(gamma_r=0.5), TwoLevels(), a_batch(t=t), *keys)


def test_the_features_are_those_of_images_without_a_cutout():
    """It would make x and r differ where they are equal."""
    model, batch = TwoLevels(), a_batch().in_phase("encoder")
    changed = Reversed(cutout=0.5, shift=0.2, augment_probability=1.0).encoder_loss(model, batch)
    expected = distance_by_hand(model.features(batch.x), model.features(batch.carry["rec"])).item()
    assert changed.terms["embedding"].item() == pytest.approx(expected, rel=1e-12)


def test_the_embedding_term_moves_the_encoder_only_and_by_both_features():
    model, batch = TwoLevels(), a_batch().in_phase("encoder")
    weighted, plain = (
        loss.encoder_loss(model, batch).total for loss in (Reversed(embedding=ConstantSchedule(1.0)), SoftIntroVAE())
    )
    parameters = dict(model.named_parameters())
    differences = {}
    for total, sign in ((weighted, 1), (plain, -1)):
        for name, gradient in zip(parameters, torch.autograd.grad(total, [*parameters.values()]), strict=True):
            differences[name] = differences.get(name, 0) + sign * gradient
    moved = {name for name, difference in differences.items() if difference.abs().max() > 1e-12}
    # The last layer of the encoder gives the code, not a feature.
    assert moved == {name for name in parameters if name.startswith("encoder.") and not name.startswith("encoder.6")}

    def towards(detach: int) -> Tensor:
        pair = [features_apart(model, x) for x in (batch.x, batch.carry["rec"].detach())]
        pair = [[level.detach() for level in levels] if i == detach else levels for i, levels in enumerate(pair)]
        (gradient,) = torch.autograd.grad(embedding_distance(*pair).mean(), model.encoder[0].weight)
        return gradient

    both = differences["encoder.0.weight"]
    torch.testing.assert_close(both, towards(0) + towards(1), rtol=1e-9, atol=1e-13)
    assert min(towards(0).norm(), towards(1).norm()) > 0.01 * both.norm()


@pytest.mark.parametrize("step", [0, 1])
def test_the_gradients_of_each_phase_reach_everything_that_it_updates(step):
    assert_gradients_reach_updates(Reversed(warmup_steps=1), TwoLevels(), a_batch(), step=step)


def test_two_processes_take_the_step_of_one():
    assert_processes_agree(Reversed(**BETAS, embedding=ConstantSchedule(1.0)), TwoLevels(), a_batch())


def test_a_batch_norm_counts_each_batch_once():
    """The running statistics are those that Soft-IntroVAE leaves, and the features those of the phase's own passes."""
    ours, theirs = TwoLevels(nn.BatchNorm2d), TwoLevels(nn.BatchNorm2d)
    Reversed(embedding=ConstantSchedule(1.0)).encoder_loss(ours, a_batch().in_phase("encoder"))
    SoftIntroVAE().encoder_loss(theirs, a_batch().in_phase("encoder"))
    buffers = dict(theirs.named_buffers())
    assert len(buffers) == 3 and buffers["encoder.1.num_batches_tracked"] > 1
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in ours.named_buffers())

    seen = []
    theirs.encoder[4].register_forward_hook(lambda *given: seen.append(given[2]))
    theirs.encoder(data())
    assert torch.equal(seen[0], features_apart(ours, data())[1])


def test_the_terms_have_the_documented_names():
    terms = Reversed().encoder_loss(TwoLevels(), a_batch()).terms
    assert set(terms) == {"rec", "kl_real", "kl_rec", "kl_fake", "exp_rec", "exp_fake", "embedding"}
    assert all(math.isfinite(term) and not term.requires_grad for term in terms.values())
