"""AS-IntroVAE against its published update written by hand, and the laws of its variants, distance and ramp."""

import ast
import math
import sys
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args, get_type_hints

import genkit_as_introvae
import numpy as np
import pytest
import torch
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.curriculum_c import CurriculumC
from genkit_as_introvae.loss import ASIntroVAE
from genkit_as_introvae.variants import VARIANTS
from torch.distributions import Normal

from genkit.api import VAE, ConstantSchedule, DiagNormal
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    batch_of,
    phase_gradients,
    small_autoencoder,
    take_step,
)

LATENT = 3
CHILDREN = ("encoder", "decoder")
BETAS = (0.3, 0.7, 1.6)  # β_rec, β_kl, β_neg


def autoencoder(shape=(2,)):
    return small_autoencoder(shape, LATENT)


def batch(step=0, t=0.0, shape=(2,), size=12):
    x = torch.randn(size, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))
    return batch_of(x, LATENT, step=step, t=t)


def as_introvae(**keys):
    return ASIntroVAE(*map(ConstantSchedule, BETAS), **keys)


def phases_of(loss, model, given):
    """Return the losses of the encoder and the decoder phase, both for the same weights."""
    _, encoder, decoder = loss.phases()
    return encoder.loss(model, given.in_phase("encoder")), decoder.loss(model, given.in_phase("decoder"))


def kl(q):
    return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1)


def error(target, output):
    return ((output - target) ** 2).reshape(len(target), -1).sum(1)


def squash(q):
    return DiagNormal(torch.tanh(q.mu), torch.tanh(q.logvar))


def step_by_hand(model, optimisers, given, gamma, encoder_part, decoder_part):
    """Take the published step: two blocks, each with the other network frozen and everything computed again.

    `encoder_part(KL, q_r, q_g)` replaces the KL of one fake in e; `decoder_part(q_r, q_g)` replaces ½ΣKL in L_D.
    """
    rec_weight, kl_weight, neg_weight = BETAS
    scale = 1 / given.x[0].numel()

    def draw(q, phase, tag):
        return q.mu + torch.exp(q.logvar / 2) * given.in_phase(phase).randn(tag, LATENT)

    # Encoder
    model.encoder.requires_grad_(True)
    model.decoder.requires_grad_(False)
    fake = model.decoder(given.z)
    q = model.encoder(given.x)
    z = draw(q, "encoder", "posterior")
    rec = model.decoder(z)
    q_rec, q_fake = model.encoder(rec.detach()), model.encoder(fake.detach())
    error_rec = error(rec, model.decoder(draw(q_rec, "encoder", "posterior-rec")))
    error_fake = error(fake, model.decoder(draw(q_fake, "encoder", "posterior-fake")))
    kl_rec, kl_fake = (encoder_part(kl(each), q_rec, q_fake) for each in (q_rec, q_fake))
    exp_rec = torch.exp(-2 * scale * (rec_weight * error_rec + neg_weight * kl_rec)).mean()
    exp_fake = torch.exp(-2 * scale * (rec_weight * error_fake + neg_weight * kl_fake)).mean()
    real = scale * (rec_weight * error(given.x, rec).mean() + kl_weight * kl(q).mean())
    optimisers["encoder"].zero_grad()
    (real + 0.25 * (exp_rec + exp_fake)).backward()
    optimisers["encoder"].step()

    # Decoder
    model.encoder.requires_grad_(False)
    model.decoder.requires_grad_(True)
    fake = model.decoder(given.z)
    rec = model.decoder(z.detach())
    q_rec, q_fake = model.encoder(rec), model.encoder(fake)
    error_rec = error(rec.detach(), model.decoder(draw(q_rec, "decoder", "posterior-rec").detach()))
    error_fake = error(fake.detach(), model.decoder(draw(q_fake, "decoder", "posterior-fake").detach()))
    total = rec_weight * error(given.x, rec).mean() + kl_weight * decoder_part(q_rec, q_fake)
    total = total + 0.5 * gamma * rec_weight * (error_rec + error_fake).mean()
    optimisers["decoder"].zero_grad()
    (scale * total).backward()
    optimisers["decoder"].step()
    model.encoder.requires_grad_(True)


def assert_steps_agree(loss, by_hand, shape=(2,), optimiser=torch.optim.Adam):
    """Compare four steps; `by_hand(t)` returns both parts of `step_by_hand` at progress t."""
    ours, theirs = autoencoder(shape), autoencoder(shape)
    start = [p.detach().clone() for p in ours.parameters()]
    optimisers = [{c: optimiser(m.get_submodule(c).parameters(), 0.02) for c in CHILDREN} for m in (ours, theirs)]
    for step, t in enumerate((0.0, 0.05, 0.15, 0.6)):
        take_step(loss, ours, optimisers[0], batch(step, t, shape))
        step_by_hand(theirs, optimisers[1], batch(step, t, shape), loss.gamma_r, *by_hand(t))
    for p, q, p_0 in zip(ours.parameters(), theirs.parameters(), start):
        assert not torch.allclose(p, p_0, rtol=0, atol=1e-4)
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def mean_overlap(p, q, smoothing):
    """Return the mean over pairs and sum over dimensions of N(μ; μ', λ + λ' + 2h²)."""
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None] + smoothing
    density = Normal(q.mu[None].expand_as(spread), spread.sqrt()).log_prob(p.mu[:, None].expand_as(spread)).exp()
    return density.mean((0, 1)).sum()


def joint_overlap(p, q):
    """Return the mean over pairs of the product over dimensions, Eq. 6."""
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None]
    difference = p.mu[:, None] - q.mu[None]
    return (torch.exp(-0.5 * difference**2 / spread) / torch.sqrt(2 * math.pi * spread)).prod(-1).mean()


def published_overlap(p, q, reduce):
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None]
    return reduce(torch.exp(-0.5 * (p.mu[:, None] - q.mu[None]) ** 2 / spread) / torch.sqrt(spread))


def distance_by(overlap):
    return lambda p, q: overlap(p, p) + overlap(q, q) - 2 * overlap(p, q)


def mixed_by(distance):
    """Return the parts of both players for one distance and c = min(5t, 1), summed over the two fakes as in Eq. 7."""

    def parts(t):
        c = min(5 * t, 1)
        return (
            lambda kl_y, q_r, q_g: c * kl_y + (1 - c) * distance(q_r, q_g),
            lambda q_r, q_g: 0.5 * sum(c * kl(q).mean() + (1 - c) * distance(q_r, q_g) for q in (q_r, q_g)),
        )

    return parts


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
def test_steps_of_stable_equal_the_update_written_by_hand(shape, optimiser):
    distance = distance_by(lambda p, q: mean_overlap(p, q, 2 * 0.61**2))
    assert_steps_agree(as_introvae(gamma_r=1.0), mixed_by(distance), shape, optimiser)


def test_steps_of_paper_equal_the_update_written_by_hand():
    assert_steps_agree(as_introvae(variant="paper"), mixed_by(distance_by(joint_overlap)))


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
def test_steps_of_reference_equal_the_published_update_written_by_hand(shape, optimiser):
    total = distance_by(lambda p, q: published_overlap(p, q, torch.sum))
    mean = distance_by(lambda p, q: published_overlap(p, q, torch.mean))

    def parts(t):
        c = min(math.tanh(5 * t), 1)

        def decoder_part(q_r, q_g):
            q_r, q_g = squash(q_r), squash(q_g)
            return 0.5 * (c * (kl(q_r).mean() + kl(q_g).mean()) + (1 - c) * mean(q_r, q_g))

        return lambda kl_y, q_r, q_g: c * kl_y + (1 - c) * total(squash(q_r), squash(q_g)), decoder_part

    assert_steps_agree(as_introvae(variant="reference"), parts, shape, optimiser)


@pytest.mark.parametrize("gamma_r", [1.0, 0.0])
@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_steps_with_c_1_equal_those_of_soft_introvae_written_by_hand(variant, gamma_r):
    loss = as_introvae(variant=variant, gamma_r=gamma_r, c=ConstantSchedule(1.0))
    soft = (lambda kl_y, q_r, q_g: kl_y), (lambda q_r, q_g: 0.5 * (kl(q_r) + kl(q_g)).mean())
    assert_steps_agree(loss, lambda t: soft)


@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_the_ramp_of_a_variant_ends_in_the_bits_of_c_1(variant):
    model = autoencoder()
    late = phases_of(as_introvae(variant=variant), model, batch(t=0.2))
    soft = phases_of(as_introvae(c=ConstantSchedule(1.0)), model, batch(t=0.2))
    assert [phase.total.item() for phase in late] == [phase.total.item() for phase in soft]


def refuse(p, q):
    raise AssertionError("a distance with weight zero was computed")


def test_a_distance_with_weight_zero_is_not_computed():
    model = autoencoder()
    for loss in phases_of(as_introvae(divergence=refuse), model, batch(t=0.2)):
        assert loss.terms["distance"] == 0
    with pytest.raises(AssertionError, match="weight zero"):
        phases_of(as_introvae(divergence=refuse), model, batch(t=0.19))


class Published:
    """Published loss of both players in NumPy, from the formulas, for the weights of a model."""

    def __init__(self, model, given):
        arrays = {name: p.detach().numpy() for name, p in model.named_parameters()}
        self.encoder = [arrays[f"encoder.net.{i}.{kind}"] for i in (1, 3) for kind in ("weight", "bias")]
        self.decoder = [arrays[f"decoder.{i}.{kind}"] for i in (0, 2) for kind in ("weight", "bias")]
        self.x, self.prior, self.given = given.x.numpy(), given.z.numpy(), given
        self.s = 1 / self.x[0].size

    def decode(self, z):
        w, b, w_2, b_2 = self.decoder
        return np.tanh(z @ w.T + b) @ w_2.T + b_2

    def encode(self, x):
        w, b, w_2, b_2 = self.encoder
        both = np.tanh(x @ w.T + b) @ w_2.T + b_2
        return both[:, :LATENT], both[:, LATENT:]

    def draw(self, q, phase, tag):
        return q[0] + np.exp(q[1] / 2) * self.given.in_phase(phase).randn(tag, LATENT).numpy()

    @staticmethod
    def kl(mu, logvar):
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1)

    @staticmethod
    def distance(p, q, reduce):
        def red(a, b):
            (m, v), (n, w) = ((np.tanh(mu), np.exp(np.tanh(logvar))) for mu, logvar in (a, b))
            spread = v[:, None] + w[None, :]
            return reduce(np.exp(-0.5 * (m[:, None] - n[None, :]) ** 2 / spread) / spread**0.5)

        return red(p, p) + red(q, q) - 2 * red(p, q)

    def totals(self, c, gamma):
        rec_weight, kl_weight, neg_weight = BETAS

        def r(x, y):
            return ((x - y) ** 2).sum(1)

        posterior = self.encode(self.x)
        rec, fake = self.decode(self.draw(posterior, "encoder", "posterior")), self.decode(self.prior)
        q_r, q_g = self.encode(rec), self.encode(fake)
        real = rec_weight * r(self.x, rec).mean()

        d_sum, exps = self.distance(q_r, q_g, np.sum), 0.0
        for tag, y, q in (("posterior-rec", rec, q_r), ("posterior-fake", fake, q_g)):
            e = rec_weight * r(y, self.decode(self.draw(q, "encoder", tag)))
            exps += np.exp(-2 * self.s * (e + neg_weight * (c * self.kl(*q) + (1 - c) * d_sum))).mean()
        encoder = self.s * (real + kl_weight * self.kl(*posterior).mean()) + exps / 4

        d_mean, decoder = self.distance(q_r, q_g, np.mean), real
        for tag, y, q in (("posterior-rec", rec, q_r), ("posterior-fake", fake, q_g)):
            decoder += 0.5 * kl_weight * c * self.kl(*map(np.tanh, q)).mean()
            decoder += 0.5 * gamma * rec_weight * r(y, self.decode(self.draw(q, "decoder", tag))).mean()
        decoder += 0.5 * kl_weight * (1 - c) * d_mean
        return encoder, self.s * decoder


@pytest.mark.parametrize("t", [0.0, 0.1, 0.4, 0.99])
def test_reference_has_the_values_of_the_published_formulas(t):
    model, given = autoencoder(), batch(t=t, size=5)
    totals = [phase.total.item() for phase in phases_of(as_introvae(variant="reference", gamma_r=0.5), model, given)]
    np.testing.assert_allclose(totals, Published(model, given).totals(math.tanh(5 * t), 0.5), rtol=1e-6)


def test_the_encoder_pushes_the_posteriors_apart_and_the_decoder_pulls_them_together():
    # Eq. 4: the encoder raises D and the decoder lowers it.
    model, given = autoencoder(), batch()
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)

    def scaled(p, q):
        return scale * ASDistance()(p, q)

    slopes = [
        torch.autograd.grad(phase.total, scale)[0].item()
        for phase in phases_of(as_introvae(divergence=scaled), model, given)
    ]
    assert slopes[0] < 0 < slopes[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_divergence_in_the_recipe_replaces_that_of_both_players(variant):
    def ones(p, q):
        return torch.full_like(p.mu[:, 0], 2.0)

    loss = as_introvae(variant=variant, divergence=ones)
    assert [phase.terms["distance"].item() for phase in phases_of(loss, autoencoder(), batch())] == [2.0, 2.0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_recipe_can_state_the_defaults_of_a_variant(variant):
    defaults = VARIANTS[variant]
    model = autoencoder()
    expected = phases_of(as_introvae(variant=variant), model, batch(t=0.07))
    for player, divergence in enumerate((defaults.encoder, defaults.decoder)):
        loss = as_introvae(variant=variant, divergence=divergence, c=defaults.c)
        assert phases_of(loss, model, batch(t=0.07))[player].total == expected[player].total


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_processes_that_gather_take_the_step_of_one(variant):
    assert_processes_agree(as_introvae(variant=variant), autoencoder(), batch(t=0.02))


def test_a_phase_gathers_once():
    gathered = []
    given = replace(batch(), gather_rows=lambda x: gathered.append(x) or x)
    phases_of(as_introvae(), autoencoder(), given)
    assert len(gathered) == 2


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("step", [0, 1])
def test_the_gradients_of_each_phase_reach_everything_that_it_updates(variant, step):
    loss = as_introvae(variant=variant, warmup_steps=1)
    for t in (0.0, 0.1, 0.5):
        assert_gradients_reach_updates(loss, autoencoder(), batch(t=t), step=step)


def test_the_pair_real_fake_compares_the_posterior_of_data_with_that_of_samples():
    model, given, seen = autoencoder(), batch(), []

    def spy(p, q):
        seen.append((p, q))
        return ASDistance()(p, q)

    phases_of(as_introvae(divergence=spy, pair="real-fake"), model, given)
    real, fake = model.encoder(given.x), model.encoder(model.decoder(given.z))
    for p, q in seen:
        torch.testing.assert_close(tuple(p), tuple(real))
        torch.testing.assert_close(tuple(q), tuple(fake))
    (p_encoder, _), (p_decoder, _) = seen
    assert (
        p_encoder.mu.requires_grad and not p_decoder.mu.requires_grad
    )  # the decoder does not change the posterior of data


@pytest.mark.parametrize(
    "keys",
    [
        {"pair": "real-fake"},
        {"divergence": lambda p, q: (p.mu - q.mu).square().sum(dim=1)},  # of each sample, as `kl` of genkit is
    ],
)
def test_two_processes_take_the_step_of_one_with_another_pair_and_with_a_divergence_of_each_sample(keys):
    assert_processes_agree(as_introvae(**keys), autoencoder(), batch(t=0.02))


def test_the_decoder_phase_encodes_data_only_while_the_distance_has_a_weight():
    def encodes(t):
        model, calls = autoencoder(), []
        model.encoder.register_forward_hook(lambda *_: calls.append(1))
        phases_of(as_introvae(pair="real-fake"), model, batch(t=t))
        return len(calls)

    assert (encodes(0.0), encodes(0.5)) == (6, 5)


@pytest.mark.parametrize("t", [0.3, 0.9])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_phase_reads_each_weight_at_the_progress_of_the_run(variant, t):
    loss = ASIntroVAE(variant=variant, gamma_r=0.5)
    assert_schedules_follow_the_run(loss, autoencoder(), batch(t=t), "beta_rec", "beta_kl", "beta_neg")


def test_the_warm_up_is_a_vae_scaled_like_the_other_phases():
    model, given = autoencoder((3, 2, 4)), batch(shape=(3, 2, 4)).in_phase("vae")
    warm_up = as_introvae(warmup_steps=10).phases()[0]
    assert (warm_up.updates, [warm_up.due(step) for step in (0, 9, 10)]) == ((*CHILDREN, "prior"), [True, True, False])
    rec_weight, kl_weight, _ = map(ConstantSchedule, BETAS)
    expected = VAE(rec_weight, kl_weight).loss(model, given).total / 24
    torch.testing.assert_close(warm_up.loss(model, given).total, expected, rtol=1e-14, atol=0)


def test_distance_weight_multiplies_the_distance_of_both_players():
    model = autoencoder()
    weighted = phases_of(as_introvae(distance_weight=3.0), model, batch(t=0.05))
    scaled = phases_of(as_introvae(divergence=lambda p, q: 3 * ASDistance()(p, q)), model, batch(t=0.05))
    plain = phases_of(as_introvae(), model, batch(t=0.05))
    for ours, theirs, without in zip(weighted, scaled, plain, strict=True):
        torch.testing.assert_close(ours.total, theirs.total, rtol=1e-13, atol=0)
        assert ours.total != without.total


def test_the_distance_reaches_the_decoder_through_both_encodings():
    model, given = autoencoder(), batch()
    loss = ASIntroVAE(ConstantSchedule(0.0), ConstantSchedule(1.0), c=ConstantSchedule(0.0))
    _, encoder, decoder = loss.phases()
    encoder.loss(model, given.in_phase("encoder"))
    rec, fake = given.carry["rec"], given.carry["fake"]
    total = decoder.loss(model, given.in_phase("decoder")).total
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(total, [rec, fake], retain_graph=True))
    assert all(g.abs().sum() > 0 for g in phase_gradients(decoder, model, given).values())


def test_gamma_r_0_saves_two_decodes_in_the_decoder_phase():
    def decodes(gamma_r):
        model, calls = autoencoder(), []
        model.decoder.register_forward_hook(lambda *_: calls.append(1))
        phases_of(as_introvae(gamma_r=gamma_r), model, batch())
        return len(calls)

    assert decodes(1e-8) == decodes(0.0) + 2 == 6


def test_c_starts_when_the_warm_up_ends():
    model, loss = autoencoder(), as_introvae(warmup_steps=50)
    _, encoder, _ = loss.phases()
    seen = [
        encoder.loss(model, batch(t=t).in_phase("encoder", start=0.5)).terms["c"].item() for t in (0.5, 0.55, 0.6, 0.9)
    ]
    assert seen == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert encoder.loss(model, batch(t=0.1).in_phase("encoder")).terms["c"].item() == pytest.approx(0.5)


def test_the_terms_have_the_documented_names():
    encoder, decoder = phases_of(as_introvae(), autoencoder(), batch())
    fakes = {"rec", "kl_rec", "kl_fake", "distance", "c"}
    assert set(encoder.terms) == fakes | {"kl_real", "exp_rec", "exp_fake"}
    assert set(decoder.terms) == fakes


def test_the_terms_are_the_quantities_that_the_totals_are_made_of():
    model, given = autoencoder(), batch(t=0.05)
    encoder, decoder = phases_of(as_introvae(), model, given)
    q = {name: model.encoder(given.carry[name]) for name in ("rec", "fake")}
    for name, posterior in q.items():
        expected = kl(posterior).mean().item()
        assert encoder.terms[f"kl_{name}"].item() == decoder.terms[f"kl_{name}"].item() == pytest.approx(expected)
    distance = ASDistance()(q["rec"], q["fake"])[0].item()
    assert encoder.terms["kl_real"].item() == pytest.approx(kl(model.encoder(given.x)).mean().item())
    assert encoder.terms["distance"].item() == decoder.terms["distance"].item() == pytest.approx(distance)
    assert encoder.terms["c"].item() == decoder.terms["c"].item() == 0.25

    e, d = ({name: term.item() for name, term in phase.terms.items()} for phase in (encoder, decoder))
    elbo = 0.5 * (BETAS[0] * e["rec"] + BETAS[1] * e["kl_real"])
    assert encoder.total.item() == pytest.approx(elbo + 0.25 * (e["exp_rec"] + e["exp_fake"]), rel=1e-12)
    similarity = 0.25 * 0.5 * (d["kl_rec"] + d["kl_fake"]) + 0.75 * d["distance"]
    assert decoder.total.item() == pytest.approx(0.5 * (BETAS[0] * d["rec"] + BETAS[1] * similarity), rel=1e-12)
    assert len(set(e.values())) == len(e)


def test_without_keys_the_loss_has_the_documented_defaults():
    one = ConstantSchedule(1.0)
    keys = {"variant": "stable", "divergence": None, "c": None, "pair": "rec-fake", "distance_weight": 1.0}
    assert ASIntroVAE() == ASIntroVAE(one, one, one, gamma_r=0.0, warmup_steps=0, **keys)
    distance = {"form": "marginal", "reduction": "pairs-mean", "statistic": "v", "bandwidth": None}
    assert ASDistance() == ASDistance(**distance)
    assert CurriculumC() == CurriculumC(anneal="linear", rate=5.0, end=1.0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_phases_work_on_the_meta_device(variant):
    given = batch()
    noise = replace(given.noise, device=torch.device("meta"))
    given = replace(given, x=given.x.to("meta"), noise=noise)
    assert all(
        phase.total.is_meta for phase in phases_of(as_introvae(variant=variant), autoencoder().to("meta"), given)
    )


def test_every_variant_has_an_entry_and_the_documented_ramp():
    assert set(get_args(get_type_hints(ASIntroVAE)["variant"])) == set(VARIANTS)
    assert VARIANTS["stable"].c == VARIANTS["paper"].c == CurriculumC("linear", 5.0)
    assert VARIANTS["reference"].c == CurriculumC("tanh", 5.0)


def test_every_entry_of_the_plugin_names_its_part():
    assert genkit_as_introvae.genkit_hooks == 1
    hooks = (genkit_as_introvae.genkit_losses, genkit_as_introvae.genkit_divergences)
    entries = {entry.name: entry for hook in (*hooks, genkit_as_introvae.genkit_schedules) for entry in hook()}
    parts = {"as-introvae": ASIntroVAE, "as-distance": ASDistance, "curriculum-c": CurriculumC}
    assert {name: resolve_name(entry.target) for name, entry in entries.items()} == parts


def test_the_plugin_imports_only_the_hooks_and_the_api_of_genkit():
    for path in Path(genkit_as_introvae.__file__).parent.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        foreign = {name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "genkit_as_introvae"}}
        assert foreign <= ({"genkit.hooks"} if path.name == "__init__.py" else {"genkit.api", "torch"})


@pytest.mark.parametrize("variant", ["stable", "paper", "reference"])
def test_the_defaults_of_a_variant_written_out_are_the_same_loss(variant):
    left_out = as_introvae(variant=variant)
    written = replace(left_out, **left_out.dependent_defaults())
    assert written.c == VARIANTS[variant].c and (written.divergence is None) == (variant == "reference")
    assert written.dependent_defaults() == {}
    for t in (0.0, 0.3):
        losses = [phases_of(loss, autoencoder(), batch(t=t)) for loss in (left_out, written)]
        assert all(torch.equal(a.total, b.total) for a, b in zip(*losses, strict=True))


@pytest.mark.parametrize("form", ["marginal", "joint", "prior-weighted", "cauchy-schwarz"])
def test_the_default_bandwidth_of_a_form_written_out_is_the_same_distance(form):
    left_out = ASDistance(form)
    written = replace(left_out, **left_out.dependent_defaults())
    p, q = (DiagNormal(*torch.randn(2, 5, LATENT)) for _ in range(2))
    assert written.bandwidth is not None and torch.equal(written(p, q), left_out(p, q))


@pytest.mark.parametrize("form", ["joint-smoothed", "reference"])
def test_a_bandwidth_that_is_not_one_number_is_left_out(form):
    assert ASDistance(form).dependent_defaults() == {}
