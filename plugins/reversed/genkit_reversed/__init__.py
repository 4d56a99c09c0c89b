"""Plugin of genkit for RA, the reversed autoencoder (Bercea et al. 2023): its loss, its error, and its anomaly map."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

SOURCE = "https://openreview.net/forum?id=8ojx-Ld3yjR"


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the loss `reversed`."""
    yield Entry(
        "reversed",
        "genkit_reversed.loss:Reversed",
        "RA: Soft-IntroVAE whose encoder also matches its features of a sample and of the reconstruction",
        SOURCE,
    )


@hookimpl
def genkit_errors() -> Iterator[Entry]:
    """Supply the error `sigmoid-squared`."""
    yield Entry(
        "sigmoid-squared",
        "genkit_reversed.sigmoid_squared:SigmoidSquared",
        "Squared error of images whose decoder ends with a sigmoid",
        SOURCE,
    )


@hookimpl
def genkit_scores() -> Iterator[Entry]:
    """Supply the score `reversed-map`."""
    yield Entry(
        "reversed-map",
        "genkit_reversed.anomaly_map:ReversedMap",
        "Anomaly map of RA: difference of equalised images times differences of features",
        SOURCE,
    )
