"""Keys and entries of AS-IntroVAE: defaults, variants written out, and what the plugin supplies."""

import ast
import sys
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args, get_type_hints

import genkit_as_introvae
import pytest
import torch
from as_introvae_cases import LATENT, as_introvae, autoencoder, batch, phases_of
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.curriculum_c import CurriculumC
from genkit_as_introvae.loss import ASIntroVAE
from genkit_as_introvae.variants import VARIANTS

from genkit.api import ConstantSchedule, DiagNormal


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_divergence_in_the_recipe_replaces_that_of_both_players(variant):
    def ones(p, q):
        return torch.full_like(p.mu[:, 0], 2.0)

    loss = as_introvae(variant=variant, divergence=ones)
    assert [phase.terms["distance"].item() for phase in phases_of(loss, autoencoder(), batch())] == [2.0, 2.0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_recipe_can_state_the_defaults_of_a_variant(variant):
    defaults = VARIANTS[variant]
    model = autoencoder()
    expected = phases_of(as_introvae(variant=variant), model, batch(t=0.07))
    for player, divergence in enumerate((defaults.encoder, defaults.decoder)):
        loss = as_introvae(variant=variant, divergence=divergence, c=defaults.c)
        assert phases_of(loss, model, batch(t=0.07))[player].total == expected[player].total


def test_without_keys_the_loss_has_the_documented_defaults():
    one = ConstantSchedule(1.0)
    keys = {"variant": "stable", "divergence": None, "c": None, "pair": "rec-fake", "distance_weight": 1.0}
    assert ASIntroVAE() == ASIntroVAE(one, one, one, gamma_r=0.0, warmup_steps=0, **keys)
    distance = {"form": "marginal", "reduction": "pairs-mean", "statistic": "v", "bandwidth": None}
    assert ASDistance() == ASDistance(**distance)
    assert CurriculumC() == CurriculumC(anneal="linear", rate=5.0, end=1.0)


def test_every_variant_has_an_entry_and_the_documented_ramp():
    assert set(get_args(get_type_hints(ASIntroVAE)["variant"])) == set(VARIANTS)
    assert VARIANTS["stable"].c == VARIANTS["paper"].c == CurriculumC("linear", 5.0)
    assert VARIANTS["reference"].c == CurriculumC("tanh", 5.0)


def test_every_entry_of_the_plugin_names_its_part():
    assert genkit_as_introvae.genkit_hooks == 1
    hooks = (genkit_as_introvae.genkit_losses, genkit_as_introvae.genkit_divergences)
    entries = {entry.name: entry for hook in (*hooks, genkit_as_introvae.genkit_schedules) for entry in hook()}
    parts = {"as-introvae": ASIntroVAE, "as-distance": ASDistance, "curriculum-c": CurriculumC}
    assert {name: resolve_name(entry.target) for name, entry in entries.items()} == parts


def test_the_plugin_imports_only_the_hooks_and_the_api_of_genkit():
    for path in Path(genkit_as_introvae.__file__).parent.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        foreign = {name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "genkit_as_introvae"}}
        assert foreign <= ({"genkit.hooks"} if path.name == "__init__.py" else {"genkit.api", "torch"})


@pytest.mark.parametrize("variant", ["stable", "paper", "reference"])
def test_the_defaults_of_a_variant_written_out_are_the_same_loss(variant):
    left_out = as_introvae(variant=variant)
    written = replace(left_out, **left_out.dependent_defaults())
    assert written.c == VARIANTS[variant].c and (written.divergence is None) == (variant == "reference")
    assert written.dependent_defaults() == {}
    for t in (0.0, 0.3):
        losses = [phases_of(loss, autoencoder(), batch(t=t)) for loss in (left_out, written)]
        assert all(torch.equal(a.total, b.total) for a, b in zip(*losses, strict=True))


@pytest.mark.parametrize("form", ["marginal", "joint", "prior-weighted", "cauchy-schwarz"])
def test_the_default_bandwidth_of_a_form_written_out_is_the_same_distance(form):
    left_out = ASDistance(form)
    written = replace(left_out, **left_out.dependent_defaults())
    p, q = (DiagNormal(*torch.randn(2, 5, LATENT)) for _ in range(2))
    assert written.bandwidth is not None and torch.equal(written(p, q), left_out(p, q))


@pytest.mark.parametrize("form", ["joint-smoothed", "reference"])
def test_a_bandwidth_that_is_not_one_number_is_left_out(form):
    assert ASDistance(form).dependent_defaults() == {}


@pytest.mark.parametrize(("c", "remarked"), [(0.0, False), (0.9, False), (0.95, True), (1.0, True), (None, False)])
def test_a_low_kl_of_samples_is_remarked_once_the_kl_has_replaced_the_distance(c, remarked):
    terms = {"encoder/kl_real": 10.0, "encoder/kl_fake": 5.0} | ({} if c is None else {"encoder/c": c})
    remark = ASIntroVAE().remark(terms)
    assert (remark and remark.keys) == (("beta_neg",) if remarked else None)
    assert ASIntroVAE().remark({**terms, "encoder/kl_fake": 9.6}) is None  # nearly equal, as at the equilibrium
