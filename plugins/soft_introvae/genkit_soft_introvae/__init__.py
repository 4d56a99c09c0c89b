"""Plugin of genkit for Soft-IntroVAE (Daniel & Tamar 2021), with N(0, I) or a learnt prior (TMLR 2025)."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the losses `soft-introvae`, `soft-introvae-prior` and `soft-introvae-bootstrap`."""
    yield Entry(
        "soft-introvae",
        "genkit_soft_introvae.loss:SoftIntroVAE",
        "Soft-IntroVAE: the exponential of the ELBO of reconstructions and samples",
        "https://arxiv.org/abs/2012.13253",
    )
    yield Entry(
        "soft-introvae-prior",
        "genkit_soft_introvae.learnt_prior:SoftIntroVAEPrior",
        "Soft-IntroVAE with a learnt prior, which sides with the decoder",
        "https://arxiv.org/abs/2408.13805",
    )
    yield Entry(
        "soft-introvae-bootstrap",
        "genkit_soft_introvae.bootstrap:SoftIntroVAEBootstrap",
        "Soft-IntroVAE whose fakes are reconstructed by a target decoder",
        "https://github.com/taldatech/soft-intro-vae-pytorch",
    )
