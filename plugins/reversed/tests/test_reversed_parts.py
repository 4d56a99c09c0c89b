"""Parts and terms of the plugin: defaults, names, and what it supplies."""

from __future__ import annotations

from pkgutil import resolve_name

import genkit_reversed
import pytest
import torch
from genkit_reversed.loss import Reversed
from genkit_soft_introvae.loss import SoftIntroVAE

from genkit.api import ConstantSchedule
from genkit.testing import (
    batch_of,
    small_autoencoder,
)

LATENT, SHAPE = 3, (1, 8, 8)


def test_the_published_weight_is_worth_82_nats_at_128_pixels():
    """The number in the docstring."""
    assert round(Reversed().embedding(0.0) * 128 * 128) == 82
    assert round(Reversed().embedding(0.0) * 28 * 28, 1) == 3.9


def test_a_network_without_features_is_refused():
    points = batch_of(torch.randn(4, 2, dtype=torch.float64), LATENT)
    with pytest.raises(ValueError, match="Autoencoder.features"):
        Reversed().encoder_loss(small_autoencoder((2,), LATENT), points)


def test_the_defaults_are_those_of_soft_introvae_and_the_published_weight():
    assert Reversed().embedding == ConstantSchedule(0.005)
    mine, base = vars(Reversed()), vars(SoftIntroVAE())
    assert {key: value for key, value in mine.items() if key != "embedding"} == base


def test_the_plugin_supplies_its_parts():
    hooks = (genkit_reversed.genkit_losses, genkit_reversed.genkit_errors, genkit_reversed.genkit_scores)
    found = {entry.name: resolve_name(entry.target).__name__ for hook in hooks for entry in hook()}
    assert found == {"reversed": "Reversed", "sigmoid-squared": "SigmoidSquared", "reversed-map": "ReversedMap"}
