"""Plugin of genkit with the loss `introvae`: IntroVAE (Huang et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the loss `introvae`."""
    yield Entry(
        "introvae",
        "genkit_introvae.loss:IntroVAE",
        "IntroVAE: a hinge on the mean KL of reconstructions and samples",
        "https://arxiv.org/abs/1807.06358",
    )
