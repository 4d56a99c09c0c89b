"""Relations between methods of different plugins, in training runs."""

import pytest
import torch
from support.tiny_recipes import assert_same_bits, tensors_of, train_all

from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Recipe, Train, Use

pytestmark = pytest.mark.trains

pytest.importorskip("genkit_soft_introvae", reason="needs the plugin genkit-torch-soft-introvae")
pytest.importorskip("genkit_as_introvae", reason="needs the plugin genkit-torch-as-introvae")


def weights_of(loss: Use, precision: str):
    adam = Use("adam", lr=1e-3)
    recipe = Recipe(
        title="laws",
        data=Use("8-gaussians"),
        model=Use("mlp", width=16),
        loss=loss,
        optimiser={"encoder": adam, "decoder": adam},
        train=Train(steps=30, batch_size=32, precision=precision),
    )
    state, _ = train_all(make_plan(recipe, registry=load_registry()))
    return tensors_of(state)


BETAS = {"beta_rec": 0.2, "beta_kl": 0.3, "beta_neg": 0.9, "warmup_steps": 2}


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_as_introvae_with_c_1_equals_soft_introvae_bit_for_bit(variant, precision):
    soft = weights_of(Use("soft-introvae", **BETAS), precision)
    assert_same_bits(weights_of(Use("as-introvae", c=1.0, variant=variant, **BETAS), precision), soft)


@pytest.mark.parametrize("warmup_steps", [0, 2, 15])
def test_as_introvae_with_its_default_c_differs_from_soft_introvae_after_any_warm_up(warmup_steps):
    betas = {**BETAS, "warmup_steps": warmup_steps}
    soft = weights_of(Use("soft-introvae", **betas), "fp64")
    default = weights_of(Use("as-introvae", **betas), "fp64")
    assert any((soft[name] - default[name]).abs().max() > 1e-4 for name in soft)


def test_the_divergence_zero_removes_the_distance():
    # The two differ only by D, which is small while reconstructions and samples are still similar.
    zero = weights_of(Use("as-introvae", divergence="zero", **BETAS), "fp64")
    default = weights_of(Use("as-introvae", **BETAS), "fp64")
    assert any((zero[name] - default[name]).abs().max() > 1e-8 for name in default)


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_a_target_decoder_that_is_the_decoder_is_soft_introvae_bit_for_bit(precision):
    soft = weights_of(Use("soft-introvae", **BETAS), precision)
    same = Use("soft-introvae-bootstrap", target_every=1, gamma_r=0.0, **BETAS)
    assert_same_bits(weights_of(same, precision), soft)
    lagging = weights_of(Use("soft-introvae-bootstrap", target_every=5, gamma_r=0.0, **BETAS), precision)
    assert any(not torch.equal(soft[name], lagging[name]) for name in soft)
