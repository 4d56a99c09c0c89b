"""Priors in recipes: the table [model.prior], what trains a prior, and what is refused under another prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Coupled, TinyAutoencoder, registry_with
from support.tiny_recipes import assert_same_bits, tensors_of, train_all

from genkit.api import Autoencoder, Batch, Phase, PhaseLoss, StandardNormal
from genkit.bases.priors.mixture import Mixture
from genkit.core.global_generators import seeded_generators
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.errors import RecipeError
from genkit.evaluation.compute_metrics import protocol_of
from genkit.hooks import Entry, hookimpl
from genkit.parts.metrics.posterior import PosteriorKL
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use

ADAM = Use("adam", lr=1e-2)
EIGHT = Use("mixture", components=8)
LEARNT = Use("mixture", components=8, learnt=True, learnt_weights=True)


class NoPrior:
    """A class that is no prior."""

    def __init__(self, *, latent_dim: int):
        pass


class DrawsGlobally(StandardNormal):
    def sample(self, noise):
        return torch.randn(len(noise.rows), self.latent_dim, device=noise.device)


class WrongShape(StandardNormal):
    def kl(self, q, noise):
        return super().kl(q, noise).sum()


@dataclass(frozen=True)
class OnlyPrior:
    """A loss whose only phase trains the prior."""

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("prior", ("prior",), self.loss),)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        return PhaseLoss(-model.prior.log_prob(batch.x).mean(), {})


@dataclass(frozen=True)
class FrozenOnly(OnlyPrior):
    """A loss that asks a frozen copy of the prior."""

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("encoder", ("encoder",), self.loss),)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        return PhaseLoss(-model.prior.frozen().log_prob(model.encoder(batch.x).mu).mean(), {})


@dataclass(frozen=True)
class Silent(Coupled):
    """A loss that was written for N(0, I) and does not ask."""

    def decode(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        return PhaseLoss(model.decoder(batch.randn("z", 2)).mean(), {})


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_priors(self):
        yield from (Entry(kind.__name__, f"{__name__}:{kind.__name__}", "", "") for kind in (NoPrior, DrawsGlobally))
        yield Entry("WrongShape", f"{__name__}:WrongShape", "", "")

    @hookimpl
    def genkit_losses(self):
        kinds = (OnlyPrior, FrozenOnly, Silent)
        yield from (Entry(kind.__name__, f"{__name__}:{kind.__name__}", "", "") for kind in kinds)


VAE = Use("vae")


def plan_of(prior: Any = None, loss: Use = VAE, children=("encoder", "decoder"), **train: Any) -> Plan:
    recipe = Recipe(
        title="priors",
        data=Use("blob"),
        model=Use("tiny") if prior is None else Use("tiny", prior=prior),
        loss=loss,
        optimiser=dict.fromkeys(children, ADAM),
        train=Train(steps=6, batch_size=8, **train),
        ema=EMA(0.5),
    )
    return make_plan(recipe, registry=registry_with(Plugin()))


def refused(*arguments: Any, **options: Any):
    with pytest.raises(RecipeError) as caught:
        plan_of(*arguments, **options)
    (problem,) = caught.value.problems
    return problem


def test_without_the_table_a_recipe_is_what_it_was():
    plan = plan_of()
    assert "prior" not in plan.resolved["model"] and ("model", "prior") not in plan.parts
    assert plan.phases[0].updates == ("encoder", "decoder") and "prior" not in plan.dry_run.parameters
    state, _ = train_all(plan)
    assert_same_bits(tensors_of(state), tensors_of(train_all(plan_of("normal"))[0]))
    assert not [name for name in tensors_of(state) if "prior" in name]


def test_the_prior_does_not_change_the_initial_weights_of_the_network():
    plain, mixed = (initial_state(plan_of(prior), World()).model for prior in (None, EIGHT))
    assert_same_bits({n: t for n, t in mixed.state_dict().items() if "prior" not in n}, plain.state_dict())
    with seeded_generators(0):
        first, second = plan_of(EIGHT).build_model(), plan_of(EIGHT).build_model()
    assert not torch.equal(first.prior.means, second.prior.means)


def test_a_fixed_prior_needs_no_optimiser_and_stays_as_it_is():
    plan = plan_of(EIGHT)
    before = initial_state(plan, World()).model.prior.state_dict()
    state, _ = train_all(plan)
    assert_same_bits(dict(state.model.prior.state_dict()), dict(before))
    assert plan.resolved["model"]["prior"]["components"] == 8
    assert str(plan.parts["model", "prior"].owner).startswith("genkit-torch")
    assert plan.parts["model", "prior"].entry.name == "mixture"


def test_a_learnt_prior_is_trained_by_the_phase_that_names_it():
    children = ("encoder", "decoder", "prior")
    plan = plan_of(LEARNT, children=children)
    assert plan.phases[0].updates == children and plan.dry_run.parameters["prior"] == 40
    before = initial_state(plan, World()).model.prior.state_dict()
    state, _ = train_all(plan)
    assert all(not torch.equal(after, before[name]) for name, after in state.model.prior.named_parameters())
    assert "ema/prior.means" in tensors_of(state) and "optim/prior/logits/exp_avg" in tensors_of(state)


def test_a_loss_that_asks_a_frozen_prior_asks_it():
    assert plan_of(EIGHT, Use("FrozenOnly"), ("encoder",)).phases


@pytest.mark.parametrize(
    ("arguments", "place", "names"),
    [
        ((LEARNT,), ("optimiser", "prior"), ("vae", "[optimiser.prior]")),
        ((EIGHT, Use("vae"), ("encoder", "decoder", "prior")), ("optimiser", "prior"), ("no effect",)),
        ((Use("mixture", components=8, latent_dim=2),), ("model", "prior", "latent_dim"), ("network",)),
        ((Use("mixtur", components=8),), ("model", "prior", "use"), ("Did you mean mixture",)),
        ((Use("mixture", component=8),), ("model", "prior", "component"), ("Did you mean components",)),
        ((Use("mixture"),), ("model", "prior"), ("components",)),
        ((Use("mixture", means=[[1.0, 2.0, 3.0]]),), ("model", "prior", "means"), ("latent dimension",)),
        ((Use("NoPrior"),), ("model", "prior"), ("NoPrior", "genkit.api.Prior", "line")),
        ((Use("DrawsGlobally"),), ("model", "prior"), ("DrawsGlobally", "noise.randn", "line")),
        ((Use("WrongShape"),), ("model", "prior"), ("WrongShape", "kl(q, noise)", "(8,)")),
        ((LEARNT, Use("FrozenOnly"), ("encoder",)), ("model", "prior"), ("FrozenOnly", "trains encoder only")),
        ((EIGHT, Use("Silent", weight=1.0)), ("model", "prior"), ("Silent", "never asks")),
        ((EIGHT, Use("coupled", weight=1.0)), ("loss",), ("batch.z", "batch.prior_noise")),
        ((None, Use("OnlyPrior"), ()), ("loss",), ('phase "prior"', "[model.prior]")),
        ((3,), ("model", "prior"), ("found 3", "Known priors")),
    ],
)
def test_mistakes_are_named_at_their_place(arguments, place, names):
    problem = refused(*arguments)
    assert problem.place.path == place
    assert_names(problem.text, *names)


def test_mistakes_in_the_network_and_in_the_prior_are_reported_together():
    with pytest.raises(RecipeError) as caught:
        make_plan(
            {
                "title": "two",
                "data": {"use": "blob"},
                "model": {"use": "tiny", "width": 3, "prior": {"use": "mixture", "component": 2}},
                "loss": {"use": "vae"},
                "optimiser": {"encoder": "adam", "decoder": "adam"},
                "train": {"steps": 1, "batch_size": 2},
            },
            registry=registry_with(),
        )
    text = str(caught.value)
    assert "width" in text and "component" in text


def test_the_protocol_names_a_prior_that_is_not_n01():
    data, metric = plan_of().data, PosteriorKL()
    model = TinyAutoencoder(data_shape=(2,))
    plain = protocol_of(metric, data, model)
    assert "prior" not in str(plain)
    model.prior = Mixture(components=3, latent_dim=2)
    named = protocol_of(metric, data, model)
    assert "prior mixture of 3 Gaussians" in str(named)
    assert named != plain and named.comparable == plain.comparable


@pytest.mark.parametrize(
    "loss",
    [
        Use("as-introvae", variant="reference"),
        Use("as-introvae", variant="reference", divergence="as-distance"),
        Use("as-introvae", divergence=Use("as-distance", form="prior-weighted")),
    ],
)
def test_forms_for_n01_are_refused_before_the_run(loss):
    pytest.importorskip("genkit_as_introvae")
    recipe = Recipe(
        title="forms",
        data=Use("8-gaussians"),
        model=Use("mlp", width=8, prior=EIGHT),
        loss=loss,
        optimiser={"encoder": ADAM, "decoder": ADAM},
        train=Train(steps=2, batch_size=4),
    )
    with pytest.raises(RecipeError) as caught:
        make_plan(recipe)
    assert_names(caught.value, "loss", "N(0, I)", "mixture of 8", 'variant = "stable"')
