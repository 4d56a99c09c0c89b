"""What the distance refuses: forms whose gradient vanishes, and keys that do not fit."""

import math

import pytest
import torch
from genkit_as_introvae.as_distance import (
    ASDistance,
    cauchy_schwarz_divergence,
    divide_by_prior_overlap,
    joint_distance,
    marginal_distance,
    smooth,
)

from genkit.api import DiagNormal
from genkit.errors import RecipeError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Recipe, Train, Use


def posteriors(batch=6, latent=2, seed=0, shift=0.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, batch, latent, dtype=dtype, generator=generator)
    return DiagNormal(mu + shift, 0.5 * logvar - 1)


def pair(**keys):
    return posteriors(seed=1, **keys), posteriors(seed=2, shift=0.7, **keys)


def gradient_of_mu(latent, compare, h=0.0):
    """Return the norm of ∂D/∂μ in float32 for narrow posteriors distributed as the prior, without the check of L."""
    p, q = (posteriors(32, latent, seed, dtype=torch.float32) for seed in (1, 2))
    mu = p.mu.clone().requires_grad_()
    narrow = torch.full_like(mu, -2)
    prepare = divide_by_prior_overlap if h else smooth
    distance = compare(prepare(DiagNormal(mu, narrow), h), prepare(DiagNormal(q.mu, narrow), h), False)
    return torch.autograd.grad(distance, mu)[0].norm()


def test_the_gradient_of_joint_vanishes_in_many_dimensions():
    assert gradient_of_mu(2, joint_distance) > 1e-3
    assert gradient_of_mu(64, joint_distance) == gradient_of_mu(128, joint_distance) == 0


@pytest.mark.parametrize("latent", [64, 128, 512])
def test_the_gradients_of_marginal_joint_smoothed_and_cauchy_schwarz_do_not_vanish(latent):
    assert gradient_of_mu(latent, marginal_distance) > 1e-2
    assert gradient_of_mu(latent, joint_distance, h=math.sqrt(latent / 2)) > 1e-3
    assert gradient_of_mu(latent, cauchy_schwarz_divergence) > 1


@pytest.mark.parametrize("form", ["joint", "prior-weighted"])
def test_a_form_that_can_vanish_refuses_more_than_8_dimensions(form):
    assert ASDistance(form)(*pair(latent=8)).isfinite().all()
    with pytest.raises(ValueError, match=f'form = "{form}".*9 latent.*form = "marginal"'):
        ASDistance(form)(*pair(latent=9))


def test_joint_smoothed_refuses_a_bandwidth_that_is_too_small_and_names_a_sufficient_one():
    for latent in (9, 64, 512):
        assert ASDistance("joint-smoothed")(*pair(latent=latent)).isfinite().all()
        with pytest.raises(ValueError, match="bandwidth = 0.05") as refused:
            ASDistance("joint-smoothed", bandwidth=0.05)(*pair(latent=latent))
        sufficient = float(str(refused.value).split()[-1])
        assert ASDistance("joint-smoothed", bandwidth=1.05 * sufficient)(*pair(latent=latent)).isfinite().all()


def test_a_plan_refuses_a_form_whose_gradient_vanishes():
    recipe = Recipe(
        title="joint in 64 dimensions",
        data=Use("8-gaussians"),
        model=Use("mlp", latent_dim=64, width=8),
        loss=Use("as-introvae", divergence={"use": "as-distance", "form": "joint"}),
        optimiser={child: Use("adam", lr=1e-3) for child in ("encoder", "decoder")},
        train=Train(steps=1, batch_size=4),
    )
    with pytest.raises(RecipeError, match='form = "joint".*64 latent'):
        make_plan(recipe)


def test_cauchy_schwarz_refuses_a_reduction():
    with pytest.raises(ValueError, match='reduction = "sum".*cauchy-schwarz'):
        ASDistance("cauchy-schwarz", "sum")


def test_reference_refuses_a_bandwidth():
    ASDistance("reference", bandwidth=0.0)
    with pytest.raises(ValueError, match='bandwidth = 0.3.*"reference"'):
        ASDistance("reference", bandwidth=0.3)


def test_the_u_statistic_is_refused_for_a_logarithm_of_means():
    with pytest.raises(ValueError, match='statistic = "u".*"cauchy-schwarz"'):
        ASDistance("cauchy-schwarz", statistic="u")


def test_the_u_statistic_refuses_a_single_sample():
    with pytest.raises(ValueError, match='statistic = "u"'):
        ASDistance(statistic="u")(*pair(batch=1))
    assert ASDistance()(*pair(batch=1)).isfinite().all()
