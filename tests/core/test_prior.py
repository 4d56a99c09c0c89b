"""N(0, I) as a prior, the prior of a model, and the codes of a batch."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import TinyAutoencoder
from torch.distributions import Independent, Normal

from genkit.api import Autoencoder, DiagNormal, Noise, Rows, StandardNormal, kl_to_prior, require_standard_normal
from genkit.bases.priors.mixture import Mixture
from genkit.core.model import Model
from genkit.testing import batch_of

NOISE = Noise(3, 1, "encoder", Rows.all(5))


class Bare(Model):
    """A model that sets up nothing but what `Model` requires."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim, self.data_shape = 3, (2,)

    def sample(self, z):
        return z[:, :2]


def test_n01_has_no_tensors_and_draws_the_noise_itself():
    prior = StandardNormal(latent_dim=3)
    assert not prior.state_dict() and prior.frozen() is prior
    assert torch.equal(prior.sample(NOISE), NOISE.randn("z", 3))


def test_the_density_and_the_kl_of_n01_are_those_of_torch():
    prior, z = StandardNormal(latent_dim=3), torch.randn(4, 6, 3, dtype=torch.float64)
    theirs = Independent(Normal(torch.zeros(3, dtype=torch.float64), 1.0), 1)
    torch.testing.assert_close(prior.log_prob(z), theirs.log_prob(z))
    q = DiagNormal(z[0], z[1])
    assert torch.equal(prior.kl(q, NOISE), kl_to_prior(q))


@pytest.mark.parametrize("model", [Bare(), TinyAutoencoder(latent_dim=3, data_shape=(2,))], ids=["bare", "autoencoder"])
def test_a_model_has_n01_of_its_dimension_and_no_child_of_it(model):
    children, tensors = [name for name, _ in model.named_children()], list(model.state_dict())
    assert isinstance(model.prior, StandardNormal) and model.prior.latent_dim == 3
    assert model.prior is model.prior
    assert [name for name, _ in model.named_children()] == children and list(model.state_dict()) == tensors
    assert isinstance(copy.deepcopy(model).prior, StandardNormal)


def test_another_prior_is_a_child_with_its_tensors():
    model = TinyAutoencoder(latent_dim=3, data_shape=(2,))
    assert isinstance(model.prior, StandardNormal)
    model.prior = Mixture(components=2, latent_dim=3)
    assert isinstance(model.prior, Mixture) and "prior.means" in model.state_dict()
    assert isinstance(model.double().prior.means, torch.Tensor) and model.prior.means.dtype is torch.float64


def test_a_missing_attribute_of_a_model_is_named():
    with pytest.raises(AttributeError, match="decodr"):
        _ = TinyAutoencoder(data_shape=(2,)).decodr


def test_the_codes_of_a_batch_are_the_same_in_all_phases():
    batch = batch_of(torch.zeros(5, 2), latent_dim=3)
    assert torch.equal(batch.z, StandardNormal(latent_dim=3).sample(batch.prior_noise))
    assert torch.equal(batch.in_phase("decoder").z, batch.z)
    mixture = Mixture(components=4, latent_dim=3)
    first, second = (mixture.sample(batch.in_phase(phase).prior_noise) for phase in ("encoder", "decoder"))
    assert torch.equal(first, second)


def test_the_codes_of_a_batch_are_refused_under_another_prior():
    batch = batch_of(torch.zeros(5, 2), latent_dim=3, prior=Mixture(components=4, latent_dim=3))
    with pytest.raises(ValueError) as caught:
        _ = batch.z
    assert_names(caught.value, "batch.z", "N(0, I)", "mixture of 4", "model.prior.sample(batch.prior_noise)")
    with pytest.raises(ValueError, match="spherical"):
        require_standard_normal(Mixture(components=4, latent_dim=3), "spherical", "Use linear")


def test_noise_within_a_source_is_randomness_of_its_own():
    inner = NOISE.within("kl")
    assert not torch.equal(inner.randn("x", 2), NOISE.randn("x", 2))
    assert torch.equal(inner.randn("x", 2), NOISE.within("kl").randn("x", 2))
    assert (inner.seed, inner.step, inner.rows) == (NOISE.seed, NOISE.step, NOISE.rows)


def test_a_frozen_prior_follows_the_parameters_without_a_gradient_to_them():
    prior = Mixture(components=2, learnt=True, learnt_weights=True, latent_dim=3)
    frozen = prior.frozen()
    with torch.no_grad():
        prior.means += 1
    z = torch.randn(4, 3, requires_grad=True)
    assert torch.equal(frozen.log_prob(z), prior.log_prob(z))
    frozen.log_prob(z).sum().backward()
    assert z.grad is not None and all(parameter.grad is None for parameter in prior.parameters())
    assert not frozen.sample(NOISE).requires_grad and prior.sample(NOISE).requires_grad


def test_the_energy_of_a_model_is_the_kl_from_its_prior():
    from genkit.core.elbo import energy

    model: Autoencoder = TinyAutoencoder(latent_dim=3, data_shape=(2,)).double()
    x = torch.randn(6, 2, dtype=torch.float64)
    before = energy(model, x)
    prior = Mixture(components=2, latent_dim=3).double()
    model.prior = prior
    q = model.encoder(x)
    torch.testing.assert_close(energy(model, x) - before, prior.kl(q, NOISE) - kl_to_prior(q))
    model.prior = Mixture(components=2, kl="sampled", draws=7, latent_dim=3).double()
    torch.testing.assert_close(energy(model, x)[2:4], energy(model, x[2:4]))  # whatever the chunks
    assert math.isfinite(energy(model, x).sum().item())
