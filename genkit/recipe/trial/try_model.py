"""Trial of a model before a run: its networks, its prior and its reconstruction error get rows without content.

Every function raises `PartMistake` with the class, its file and line. Other exceptions are bugs of the part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.errors import PartMistake
from genkit.part_code import code_of
from genkit.recipe.trial.draw_finder import refusing_global_draws

NO_NOISE_IN_NETWORKS = (
    "Networks are given no random numbers, so they must not draw any, and dropout is not supported. Draw in the loss, "
    "with batch.randn or batch.rand."
)
NO_GLOBAL_DRAWS_IN_PRIORS = "Draw with the argument: noise.randn and noise.rand."


def try_model(model: Model, data_shape: tuple[int, ...], batch_size: int) -> bool:
    """Pass a batch without content through the networks of a model on the meta device. Return True."""
    device = torch.device("meta")
    latent: Any = getattr(model, "latent_dim", None)
    if not isinstance(latent, int) or latent < 1:
        raise PartMistake(f"{code_of(model)}: latent_dim is {latent!r}. Set it to the size L of the latent code")
    if tuple(getattr(model, "data_shape", ())) != data_shape:
        raise PartMistake(f"{code_of(model)}: data_shape is not {data_shape}. Set it to the data_shape it is given")
    z = Noise(0, 0, "trial", Rows.all(batch_size), device).randn("z", latent)
    x = torch.empty(batch_size, *data_shape, device=device)
    given = model.given(labels_without_content(model, batch_size))
    with torch.no_grad(), refusing_global_draws(model, NO_NOISE_IN_NETWORKS), given:
        _expect(model, "sample(z)", model.sample(z), (batch_size, *data_shape))
        if isinstance(model, Autoencoder):
            _expect_posterior(model, model.encoder(x), (batch_size, latent))
            _expect(model, "decoder(z)", model.decoder(z), (batch_size, *data_shape))
        elif isinstance(model, GAN):
            _expect(model, "generator(z)", model.generator(z), (batch_size, *data_shape))
            _expect(model, "critic(x)", model.critic(x), (batch_size,))
    return True


def try_prior(model: Model, batch_size: int) -> bool:
    """Ask the prior of a model for codes, densities and divergences without content. Return True."""
    prior, device = model.prior, torch.device("meta")
    description: Any = prior.description
    if not isinstance(description, str) or not description.isprintable():
        raise PartMistake(f"{code_of(prior)}: description is {description!r}. Return the name of the prior on one line")
    noise = Noise(0, 0, "trial", Rows.all(batch_size), device)
    shape = (batch_size, model.latent_dim)
    q = DiagNormal(torch.empty(shape, device=device), torch.empty(shape, device=device))
    given = model.given(labels_without_content(model, batch_size))
    with torch.no_grad(), refusing_global_draws(prior, NO_GLOBAL_DRAWS_IN_PRIORS), given:
        z = prior.sample(noise)
        _expect(prior, "sample(noise)", z, shape)
        _expect(prior, "log_prob(z)", prior.log_prob(z), (batch_size,))
        _expect(prior, "kl(q, noise)", prior.kl(q, noise), (batch_size,))
        _expect(
            prior, "kl(q, noise), with one row of noise", prior.kl(q, replace(noise, rows=Rows.all(1))), (batch_size,)
        )
    return True


def try_error(model: Model, data_shape: tuple[int, ...]) -> bool:
    """Compare two samples without content by the reconstruction error of a model on the meta device. Return True."""
    if not isinstance(model, Autoencoder):
        raise ValueError(f"a {type(model).__name__} has no reconstructions, so this key has no effect. Remove it")
    x, output = torch.empty(2, 2, *data_shape, device="meta")
    error: Any = model.reconstruction_error
    if error.link not in ("identity", "sigmoid"):
        raise PartMistake(f'{code_of(error)}: link is {error.link!r}. Return "identity", or "sigmoid" for logits')
    found: Any = model.error(x, output)
    if not isinstance(found, Tensor) or found.shape != (2,):
        shape = f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"type {type(found).__name__}"
        raise PartMistake(f"{code_of(error)}: the error of 2 samples has {shape}. Return one number a sample, (B,)")
    return True


def labels_without_content(model: Model, size: int) -> dict[str, Tensor]:
    """Return the condition of `size` rows on the meta device; nothing for a model that is not conditional."""
    return {} if model.condition_classes is None else {LABEL: torch.empty(size, dtype=torch.int64, device="meta")}


def _expect_posterior(model: Autoencoder, found: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(found, DiagNormal):
        raise PartMistake(
            f"{code_of(model)}: encoder(x) returned a {type(found).__name__}, expected a DiagNormal. "
            "genkit.api.Posterior as the last layer makes one"
        )
    _expect(model, "encoder(x).mu", found.mu, shape)
    _expect(model, "encoder(x).logvar", found.logvar, shape)


def _expect(part: object, call: str, found: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(found, Tensor):
        raise PartMistake(f"{code_of(part)}: {call} returned a {type(found).__name__}, expected a tensor {shape}")
    if found.shape != shape:
        raise PartMistake(f"{code_of(part)}: {call} has the shape {tuple(found.shape)}, expected {shape}")
