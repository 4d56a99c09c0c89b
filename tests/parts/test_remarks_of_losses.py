"""Remarks of the introspective losses: each has one on samples whose KL stays below that of data."""

from __future__ import annotations

import pytest
import torch

from genkit.api import LossWithRemark, low_kl_of_samples, make_targets
from genkit.recipe.installed.registry import load_registry
from genkit.testing import batch_of, small_autoencoder

INTROSPECTIVE = ["introvae", *(f"soft-introvae{variant}" for variant in ("", "-prior", "-bootstrap")), "as-introvae"]


@pytest.mark.parametrize("name", INTROSPECTIVE)
def test_a_loss_remarks_on_the_terms_that_its_encoder_phase_logs(name):
    if not load_registry().parts.get(("losses", name)):
        pytest.skip(f"{name} is not installed")
    loss = load_registry().find("losses", name).load()()
    model = small_autoencoder((2,), 3)
    x = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = batch_of(x, 3, t=0.9, targets=make_targets(model, ("decoder",)))
    phase = next(phase for phase in loss.phases() if phase.name == "encoder")
    terms = {
        f"encoder/{key}": value.item() for key, value in phase.loss(model, batch.in_phase("encoder")).terms.items()
    }

    assert isinstance(loss, LossWithRemark)
    real = terms["encoder/kl_real"]
    assert loss.remark({**terms, "encoder/kl_fake": 0.5 * real}) is not None
    assert loss.remark({**terms, "encoder/kl_fake": 2 * real}) is None
    assert loss.remark({"vae/kl": real}) is None


@pytest.mark.parametrize(("fake", "low"), [(0.0, True), (9.49, True), (9.5, False), (10.0, False), (30.0, False)])
def test_a_kl_that_is_5_percent_below_that_of_data_is_low(fake, low):
    text = low_kl_of_samples({"encoder/kl_real": 10.0, "encoder/kl_fake": fake})
    assert (text is not None) == low
    if low:
        assert f"{fake:.3g}" in text and "10" in text
