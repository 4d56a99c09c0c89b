"""Plugin of genkit for AS-IntroVAE (Lu et al. 2022): a loss, its distance between posteriors, and its curriculum."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

SOURCE = "https://arxiv.org/abs/2206.13903"


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the loss `as-introvae`."""
    yield Entry(
        "as-introvae",
        "genkit_as_introvae.loss:ASIntroVAE",
        "AS-IntroVAE: Soft-IntroVAE that starts with a distance between the posteriors of its fakes",
        SOURCE,
    )


@hookimpl
def genkit_divergences() -> Iterator[Entry]:
    """Supply the divergence `as-distance`."""
    yield Entry(
        "as-distance",
        "genkit_as_introvae.as_distance:ASDistance",
        "Squared L2 distance between the aggregate posteriors of two batches",
        SOURCE,
    )


@hookimpl
def genkit_schedules() -> Iterator[Entry]:
    """Supply the schedule `curriculum-c`."""
    yield Entry(
        "curriculum-c",
        "genkit_as_introvae.curriculum_c:CurriculumC",
        "Ramp from 0 to 1 over the first fifth of the run, or of the part after a warm-up",
        SOURCE,
    )
