"""Plugin of genkit with the loss `soft-introvae`: Soft-IntroVAE (Daniel & Tamar 2021)."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the loss `soft-introvae`."""
    yield Entry(
        "soft-introvae",
        "genkit_soft_introvae.loss:SoftIntroVAE",
        "Soft-IntroVAE: the exponential of the ELBO of reconstructions and samples",
        "https://arxiv.org/abs/2012.13253",
    )
