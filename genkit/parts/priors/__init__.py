"""Priors of latent codes.

A new prior is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

ENTRIES = (
    Entry("normal", "genkit.core.prior:StandardNormal", "N(0, I), the default of every model", ""),
    Entry(
        "mixture",
        "genkit.bases.priors.mixture:Mixture",
        "Mixture of diagonal Gaussians, fixed or learnt",
        "https://arxiv.org/abs/2408.13805",
    ),
    Entry(
        "full-mixture",
        "genkit.parts.priors.full_mixture:FullMixture",
        "Mixture of Gaussians with full covariances, fitted after the training",
        "https://arxiv.org/abs/1903.12436",
    ),
    Entry("per-class", "genkit.parts.priors.per_class:PerClass", "Gaussian for each class, fixed or learnt", ""),
)
