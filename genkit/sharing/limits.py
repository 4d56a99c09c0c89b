"""Limits of a model that genkit knows, as sentences of its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from genkit.core.model import Autoencoder

if TYPE_CHECKING:
    from genkit.sharing.card import CardFacts


def limits(card: CardFacts) -> list[str]:
    """Return what a user of the model must know, as far as its facts say it."""
    return [*_of_samples(card), *_of_data(card), *_of_run(card)]


def _of_samples(card: CardFacts) -> Iterator[str]:
    model = card.model
    yield f"It takes and returns samples of the shape {model.data_shape} only."
    if len(model.data_shape) == 3:
        yield "Images have values in [0, 1]. " + _range_of_outputs(card)
    if not isinstance(model, Autoencoder):
        yield "It has no encoder: it draws samples, and neither encodes nor reconstructs."
    if (facts := model.class_facts) is not None:
        yield f"It is conditional, with the classes {', '.join(facts.names)}, and knows no others."
        if model.needs_class:
            yield "Its networks need the class of each row."
    if next(model.parameters()).dtype == torch.float64:
        yield "Its weights are in float64."


def _range_of_outputs(card: CardFacts) -> str:
    if isinstance(card.model, Autoencoder) and card.model.reconstruction_error.link == "sigmoid":
        return "Samples are in that range, since they are sigmoids."
    return "Samples may be outside, unless the network itself keeps them inside: clamp them before they are drawn."


def _of_data(card: CardFacts) -> Iterator[str]:
    data: Mapping[str, Any] = card.facts.get("data") or {}
    known = card.use("data")
    if not data:
        yield f"It was trained on draws of {known}, which has no fixed number of samples."
        return
    held_out = data.get("held_out")
    for name, part in (("trained on", data), ("held out from training:", held_out)):
        if isinstance(part, Mapping) and part.get("samples") is not None:
            digest = part.get("pixel_digest")
            fingerprint = f", fingerprint of the pixels {digest}" if digest else ""
            yield f"{name.capitalize()} {part['samples']:,} samples of {known}{fingerprint}."
    yield "Nothing is known about samples of other data."


def _of_run(card: CardFacts) -> Iterator[str]:
    if card.unfinished:
        yield "Its run has not finished."
    if card.weights not in card.weights_of_numbers:
        yield "No metric of these weights was computed at their step."
    if card.shortened:
        yield f"Paths in the recipe are reduced to their last names: {', '.join(card.shortened)}."
