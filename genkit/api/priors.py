"""Priors of the latent codes."""

from genkit.bases.priors.mixture import LOG_2PI, LatentRows, Mixture
from genkit.core.prior import Prior, StandardNormal, kl_to_prior, require_standard_normal

__all__ = [
    "LOG_2PI",
    "LatentRows",
    "Mixture",
    "Prior",
    "StandardNormal",
    "kl_to_prior",
    "require_standard_normal",
]
