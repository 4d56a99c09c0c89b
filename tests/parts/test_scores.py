"""Scores: closed forms, independence of samples, and models that cannot give them."""

from __future__ import annotations

import math

import pytest
import torch
from support.messages import assert_names
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Laplace, MultivariateNormal, Normal

from genkit.api import GAN, Autoencoder, DiagNormal, Noise, Score, SquaredError, kl_to_prior, squared_error
from genkit.core.likelihood import log_likelihood
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import require_score
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM
from genkit.parts.models.mlp import MLP
from genkit.parts.scores.elbo import ELBO, KL, Error
from genkit.parts.scores.features import Features
from genkit.parts.scores.log_likelihood import LogLikelihood
from genkit.parts.scores.mahalanobis import Mahalanobis
from genkit.recipe.installed.registry import load_registry
from genkit.testing import assert_score_is_lawful

SCORES = [ELBO(), Error(), KL(), LogLikelihood(), LogLikelihood(draws=70), Features(), Mahalanobis()]


def model() -> MLP:
    torch.manual_seed(0)
    return MLP(latent_dim=3, width=8, layers=1, data_shape=(2,)).double()


def points(rows: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(rows, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def score_of(score: Score, x: Tensor, of: Autoencoder | None = None) -> Tensor:
    of = of or model()
    return score.fitted(of, points(50, seed=9).split(20))(of, x, noise_of_samples(0, "score", x)).double()


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_a_score_is_one_number_a_sample_and_does_not_depend_on_the_others(score: Score) -> None:
    x = points()
    together = score_of(score, x)
    assert together.shape == (6,) and together.isfinite().all() and together.unique().numel() == 6
    alone = torch.cat([score_of(score, row) for row in x.flip(0).split(1)]).flip(0)
    torch.testing.assert_close(alone, together, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_every_score_is_lawful(score: Score) -> None:
    assert_score_is_lawful(score, model(), points())


def test_a_score_of_the_whole_batch_is_unlawful() -> None:
    class Ranked(Error):
        def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
            return super().__call__(model, x, noise) - super().__call__(model, x, noise).mean()

    with pytest.raises(AssertionError):
        assert_score_is_lawful(Ranked(), model(), points())


def test_every_built_in_score_has_been_tried() -> None:
    built_in = {part.load() for part in load_registry().of_kind("scores") if part.owner.plugin == "genkit"}
    assert {type(score) for score in SCORES} == built_in


def test_the_negative_elbo_and_its_two_terms_at_the_posterior_mean() -> None:
    autoencoder, x = model(), points()
    q = autoencoder.encoder(x)
    error, kl = squared_error(x, autoencoder.decoder(q.mu)), kl_to_prior(q)
    torch.testing.assert_close(score_of(Error(), x), error)
    torch.testing.assert_close(score_of(KL(), x), kl)
    torch.testing.assert_close(score_of(ELBO(0.3, 2.0), x), 0.3 * error + 2 * kl)
    autoencoder.reconstruction_error = L1()
    torch.testing.assert_close(score_of(Error(), x, autoencoder), (x - autoencoder.decoder(q.mu)).abs().sum(dim=1))


def test_the_mahalanobis_distance_is_that_of_mean_and_covariance() -> None:
    autoencoder, x, normal = model(), points(), points(50, seed=9)
    codes = autoencoder.encoder(normal).mu
    shift = autoencoder.encoder(x).mu - codes.mean(dim=0)
    expected = (shift @ torch.linalg.inv(torch.cov(codes.T)) * shift).sum(dim=1)
    torch.testing.assert_close(score_of(Mahalanobis(), x), expected, rtol=1e-3, atol=0)


def test_codes_without_variance_have_no_distance() -> None:
    autoencoder = model()
    with pytest.raises(ValueError, match="same code"):
        Mahalanobis().fitted(autoencoder, [torch.zeros(5, 2, dtype=torch.float64)])


# Likelihood


class Linear(nn.Module):
    """Posterior N(x A + a, diag(exp(v))), or decoder z B + b."""

    def __init__(self, weight: Tensor, logvar: Tensor | None = None) -> None:
        super().__init__()
        self.weight, self.logvar = nn.Parameter(weight), logvar

    def forward(self, x: Tensor) -> Tensor | DiagNormal:
        y = x @ self.weight
        return y if self.logvar is None else DiagNormal(y, self.logvar.expand_as(y))


def linear_gaussian(variance: float) -> tuple[Autoencoder, MultivariateNormal]:
    """Return a model whose posterior is not the true one, and the law of its samples."""
    generator = torch.Generator().manual_seed(5)
    decoder = 0.8 * torch.randn(2, 3, generator=generator, dtype=torch.float64)
    encoder = 0.3 * torch.randn(3, 2, generator=generator, dtype=torch.float64)
    logvar = torch.tensor([-0.3, 0.1], dtype=torch.float64)
    law = MultivariateNormal(torch.zeros(3).double(), decoder.T @ decoder + variance * torch.eye(3).double())
    return Autoencoder(Linear(encoder, logvar), Linear(decoder), 2, (3,)), law


@pytest.mark.parametrize("variance", [0.5, 1.3])
def test_the_likelihood_of_a_linear_gaussian_model_is_the_closed_form(variance: float) -> None:
    autoencoder, law = linear_gaussian(variance)
    drawn = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = drawn @ law.scale_tril.T  # of the law, but none far out, where draws of this posterior say little
    with torch.no_grad():
        found = log_likelihood(autoencoder, x, 20_000, variance, noise_of_samples(0, "x", x))
    torch.testing.assert_close(found, law.log_prob(x), rtol=0, atol=0.05)


def test_the_bound_rises_with_the_draws_and_one_draw_is_the_elbo() -> None:
    autoencoder, law = linear_gaussian(0.5)
    x = law.sample((4_000,))
    with torch.no_grad():
        bounds = [
            log_likelihood(autoencoder, x, draws, None, noise_of_samples(0, "x", x)).mean().item()
            for draws in (1, 5, 50)
        ]
        q = autoencoder.encoder(x)
        z = q.sample(torch.randn(4_000, 2, dtype=torch.float64))
        elbo = (Normal(autoencoder.decoder(z), math.sqrt(0.5)).log_prob(x).sum(dim=1) - kl_to_prior(q)).mean().item()
    evidence = law.log_prob(x).mean().item()
    assert bounds[0] < bounds[1] - 0.05 < bounds[2] < evidence + 0.05
    assert bounds[0] == pytest.approx(elbo, abs=0.15)


def test_the_score_is_the_negative_likelihood_and_names_its_variance() -> None:
    x, autoencoder = points(), model()
    found = log_likelihood(autoencoder, x, 70, 2.0, noise_of_samples(0, "score", x))
    torch.testing.assert_close(score_of(LogLikelihood(70, 2.0), x), -found)
    assert not torch.allclose(score_of(LogLikelihood(70), x), -found)


@pytest.mark.parametrize(
    ("error", "density"),
    [
        (SquaredError(), lambda y, variance: Normal(y, math.sqrt(variance))),
        (L1(), lambda y, variance: Laplace(y, math.sqrt(variance / 2))),
    ],
)
def test_the_densities_of_errors_have_their_constants(error, density) -> None:
    x, y = points(seed=1), points(seed=2)
    for variance in (0.3, 2.0):
        expected = Independent(density(y, variance), 1).log_prob(x)
        torch.testing.assert_close(error.log_density(x, y, variance), expected)
        assert Independent(density(y, variance), 1).variance[0, 0].item() == pytest.approx(variance)
    constant = error.log_density(x, y, None) + error(x, y)
    torch.testing.assert_close(constant, constant[:1].expand(6))


def test_the_probability_of_binary_pixels() -> None:
    x, logits = torch.rand(3, 1, 4, 4).round(), torch.randn(3, 1, 4, 4)
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(BCE().log_density(x, logits, None).float(), expected)
    with pytest.raises(ValueError, match="no variance"):
        BCE().log_density(x, logits, 0.5)
    assert BCE().log_density(x.to("meta"), logits.to("meta"), None).shape == (len(x),)  # as the plan computes it
    x[1, 0, 2, 3] = 0.5  # the Bernoulli distribution has no such value
    with pytest.raises(ValueError, match="bce") as refused:
        BCE().log_density(x, logits, None)
    assert_names(refused.value, "2.1 %", "0 and 1", '"squared"')


# Mistakes


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_a_gan_has_no_scores(score: Score) -> None:
    with pytest.raises(ValueError, match="encoder") as refused:
        require_score(score, GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,)))
    assert_names(refused.value, "the model", "autoencoder")


def test_an_error_that_is_no_density_has_no_likelihood() -> None:
    autoencoder = model()
    autoencoder.reconstruction_error = SSIM()
    with pytest.raises(ValueError, match="no density") as refused:
        require_score(LogLikelihood(), autoencoder)
    assert_names(refused.value, "ssim", "squared", "l1", "bce")
    require_score(ELBO(), autoencoder)


def test_a_network_without_features_cannot_give_them() -> None:
    with pytest.raises(ValueError, match=r"Autoencoder\.features"):
        require_score(Features(), linear_gaussian(0.5)[0])


# Noise


def test_the_noise_of_a_sample_depends_on_the_sample_the_seed_and_the_tag() -> None:
    x = points()
    drawn = noise_of_samples(0, "score", x).randn("z", 3)
    assert torch.equal(noise_of_samples(0, "score", x[2:4]).randn("z", 3), drawn[2:4])
    others = (noise_of_samples(1, "score", x), noise_of_samples(0, "other", x), noise_of_samples(0, "score", x + 1))
    assert all(not torch.equal(noise.randn("z", 3), drawn) for noise in others)
    assert not torch.equal(noise_of_samples(0, "score", x).randn("y", 3), drawn)
    assert torch.equal(noise_of_samples(0, "score", x.float().double()).randn("z", 3), drawn)
    many = noise_of_samples(0, "score", torch.arange(2000.0)[:, None]).randn("z", 50)
    assert abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02


def test_weights_that_give_every_sample_the_same_score_are_refused():
    with pytest.raises(ValueError, match="beta_rec and beta_kl"):
        ELBO(0.0, 0)
    assert ELBO(0.0, 1e-9) and ELBO(1.0, 0.0)
