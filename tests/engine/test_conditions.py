"""Conditional models in a run: labels reach each phase, action and chunk, and data without labels are refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Acting, Numbered, TinyAutoencoder, registry_with
from support.tiny_recipes import assert_same_bits, tensors_of, train_all
from torch import nn

from genkit.api import Batch, Conditional, PhaseLoss, Posterior
from genkit.bases.metrics.scoring import score_of_chunk
from genkit.bases.priors.mixture import Mixture
from genkit.core.condition import LABEL, ClassFacts
from genkit.core.dataset import Samples
from genkit.core.elbo import same_for_all_rows
from genkit.engine.batches import read_data
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.errors import PartFailed, RecipeError, UsageError
from genkit.evaluation.batch_norm import recalibrated_statistics
from genkit.evaluation.compute_metrics import evaluate, protocol_of
from genkit.evaluation.draws import draws
from genkit.hooks import Entry, hookimpl
from genkit.parts.metrics.detection import AUROC
from genkit.parts.metrics.posterior import PosteriorKL
from genkit.parts.scores.elbo import KL
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use

ADAM = Use("adam", lr=1e-2)
FIXED = Use("per-class", means=[[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
LABELLED, VAE = Use("Labelled"), Use("vae")
LEARNT = Use("per-class", classes=3, learnt=True)
SEEN: list[tuple[list[int], list[float]]] = []


@dataclass(frozen=True)
class Labelled(Numbered):
    """Forty points; the class of a point is its index modulo `classes`."""

    classes: int = 3
    known: bool | None = True
    shape: tuple[int, ...] = field(default=(2,), init=False)

    def has_labels(self) -> bool | None:
        return self.known

    def class_labels(self) -> torch.Tensor | None:
        return torch.arange(40) % self.classes if self.known else None

    def class_names(self) -> tuple[str, ...]:
        return ("red", "green", "blue")

    def held_out(self) -> Labelled:
        return self

    def batch(self, indices, noise) -> Samples:
        return Samples(super().batch(indices, noise).x, {LABEL: indices % self.classes})


@dataclass(frozen=True)
class Unlabelled(Labelled):
    """The same points, whose batches lack the labels that the data set promises."""

    def batch(self, indices, noise) -> Samples:
        return Samples(super().batch(indices, noise).x)


@dataclass(frozen=True)
class Seeing(Acting):
    """VAE with actions that records the labels of the model and the samples of each phase and action."""

    def loss(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        self.record(model, batch)
        return super().loss(model, batch)

    def shrink(self, model: TinyAutoencoder, batch: Batch) -> None:
        self.record(model, batch)
        super().shrink(model, batch)

    def record(self, model: TinyAutoencoder, batch: Batch) -> None:
        if not batch.x.is_meta:
            SEEN.append((model.prior.labels.tolist(), batch.x[:, 0].tolist()))


@dataclass(frozen=True)
class Many(Labelled):
    """Three hundred points, so that a batch for the statistics of batch norms is filled."""

    size: int = field(default=300, init=False)


class ByClass(Conditional):
    """Layer that returns the class of each row."""

    classes = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        labels = self.labels_of(len(x), x.device)
        return torch.full((len(x), 1), 9.0) if labels is None else labels[:, None].float()


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield from (Entry(kind.__name__, f"{__name__}:{kind.__name__}", "", "") for kind in (Labelled, Unlabelled))

    @hookimpl
    def genkit_losses(self):
        yield Entry("Seeing", f"{__name__}:Seeing", "", "")


def plan_of(prior: Use = FIXED, data: Use = LABELLED, loss: Use = VAE, **train: Any) -> Plan:
    learnt = {"prior": ADAM} if prior.arguments.get("learnt") else {}
    recipe = Recipe(
        title="conditions",
        data=data,
        model=Use("tiny", prior=prior),
        loss=loss,
        optimiser={"encoder": ADAM, "decoder": ADAM, **learnt},
        train=Train(**{"steps": 6, "batch_size": 8, **train}),
        ema=EMA(0.5),
    )
    return make_plan(recipe, registry=registry_with(Plugin()))


def class_of(x: float) -> int:
    return round(40 * x) % 3


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_phase_and_action_has_the_labels_of_its_rows(accumulate):
    plan = plan_of(loss=Use("Seeing"), accumulate=accumulate, inexact_accumulation=accumulate > 1)
    SEEN.clear()
    state, _ = train_all(plan)
    assert len(SEEN) == 6 * accumulate + 3  # of six steps; `shrink` runs every second one
    assert {len(labels) for labels, _ in SEEN} == {8 // accumulate, 8}  # an action has all micro-batches together
    for labels, xs in SEEN:
        assert labels == [class_of(x) for x in xs]
    assert state.model.prior.labels is None


def test_micro_batches_add_up_to_the_batch():
    one, four = (train_all(plan_of(LEARNT, accumulate=parts, precision="fp64"))[0] for parts in (1, 4))
    for name, tensor in tensors_of(one).items():
        torch.testing.assert_close(tensors_of(four)[name], tensor, rtol=1e-9, atol=1e-12, msg=name)


def test_a_learnt_prior_moves_to_the_codes_of_each_class_and_its_average_is_kept():
    plan = plan_of(LEARNT)
    assert plan.classes == 3 and plan.class_facts == ClassFacts((14 / 40, 13 / 40, 13 / 40), ("red", "green", "blue"))
    before = initial_state(plan, World()).model.prior.state_dict()
    state, _ = train_all(plan)
    tensors = tensors_of(state)
    assert not torch.equal(state.model.prior.means, before["means"]) and "ema/prior.means" in tensors
    assert state.average.model.class_facts == state.model.class_facts == plan.class_facts


def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped():
    plan = plan_of(LEARNT)
    whole, _ = train_all(plan)
    world = World()
    state = initial_state(plan, world)
    steps = train_steps(plan, state, world)
    for _ in range(3):
        next(steps)
    steps.close()
    for _ in train_steps(plan, state, world):
        pass
    assert_same_bits(tensors_of(state), tensors_of(whole))


def test_without_conditional_parts_the_labels_of_the_data_change_nothing():
    """A run on the same points without labels has the same bits."""
    labelled, plain = (train_all(plan_of(Use("normal"), Use(data)))[0] for data in ("Labelled", "numbered"))
    assert_same_bits(tensors_of(labelled), tensors_of(plain))


@pytest.mark.parametrize("loss", ["vae", "soft-introvae", "soft-introvae-prior", "introvae", "as-introvae"])
def test_every_method_trains_with_a_prior_for_each_class(loss):
    pytest.importorskip("genkit_soft_introvae")
    from genkit.recipe.installed.registry import load_registry

    prior = Use("per-class", classes=10, learnt=True)
    keys = {"warmup_steps": 1} if loss != "vae" else {}
    recipe = Recipe(
        title="methods",
        data=Use("digits"),
        model=Use("small-conv", channels=[2, 2], hidden=4, latent_dim=2, prior=prior),
        loss=Use(loss, **keys),
        optimiser=dict.fromkeys(("encoder", "decoder", "prior"), ADAM),
        train=Train(steps=3, batch_size=4),
    )
    state, records = train_all(make_plan(recipe, registry=load_registry()))
    assert len(records) == 3 and all(tensor.isfinite().all() for tensor in state.model.state_dict().values())


def test_data_without_labels_are_refused_before_the_run():
    for data in (Use("blob"), Use("Labelled", known=False)):
        with pytest.raises(RecipeError) as caught:
            plan_of(data=data)
        (problem,) = caught.value.problems
        assert problem.place.path == ("data",)
        assert_names(problem.text, "no labels", "3 classes")


def test_data_whose_labels_do_not_fit_are_refused_before_the_first_step():
    with pytest.raises(UsageError) as caught:
        read_data(plan_of(data=Use("Labelled", classes=5)))
    assert_names(caught.value, "[data]", "0 to 4", "classes 0 to 2")
    with pytest.raises(UsageError) as caught:
        read_data(plan_of(data=Use("Unlabelled")))
    assert_names(caught.value, "[data]", 'extra["label"]')


def test_a_batch_without_labels_is_a_mistake_of_the_data():
    plan = plan_of(data=Use("Unlabelled"))
    with pytest.raises(PartFailed) as caught:
        train_all(plan)
    assert_names(caught.value, "step 1", "[data]", 'extra["label"]')


def trained() -> tuple[Plan, TinyAutoencoder]:
    plan = plan_of()
    return plan, train_all(plan)[0].model.eval()


def test_generated_samples_have_drawn_classes_and_read_ones_their_own():
    plan, model = trained()
    generated, reference = draws(model, plan.data, 40, 0)
    found = reference.chunk.samples(0, 40)
    assert found.extra[LABEL].tolist() == [class_of(x) for x in found.x[:, 0].tolist()]
    model.class_facts = ClassFacts((0.0, 0.0, 1.0), ("a", "b", "c"))
    made = generated.chunk.samples(0, 40)
    assert made.extra[LABEL].tolist() == [2] * 40
    with torch.no_grad():
        assert torch.equal(generated.chunk(0, 40), made.x)
        model.class_facts = ClassFacts((1.0, 0.0, 0.0), ("a", "b", "c"))
        assert not torch.equal(generated.chunk(0, 40), made.x)


def test_the_kl_of_posteriors_is_that_from_the_prior_of_their_class():
    plan, model = trained()
    metric = PosteriorKL()
    (result,) = evaluate({"kl": metric}, plan.data, {"raw": model, "ema": model}.__getitem__, 0)
    x = plan.data.batch(torch.arange(40), None).x
    with torch.no_grad():
        q = model.encoder(x)
    labels = torch.arange(40) % 3
    mean = torch.tensor(FIXED.arguments["means"])[labels]
    expected = 0.5 * ((q.mu - mean).square() + q.logvar.exp() - 1 - q.logvar).sum(dim=1).mean()
    assert result.value == pytest.approx(expected.item(), rel=1e-6)
    protocol = protocol_of(metric, plan.data, model)
    assert_names(protocol, "generated classes drawn with the frequencies of the train split")
    assert "classes drawn" not in str(protocol.comparable)
    assert model.prior.labels is None


def test_a_score_judges_samples_of_unknown_class():
    """Also those whose labels are no classes of the model, such as those of other data."""
    plan, model = trained()
    metric = AUROC(other=Labelled(classes=7), score=KL(), samples=40, other_samples=40)
    (result,) = evaluate({"auroc": metric}, plan.data, {"raw": model, "ema": model}.__getitem__, 0)
    assert result.value == pytest.approx(0.5)  # the same points
    x = plan.data.batch(torch.arange(40), None).x
    with torch.no_grad(), model.given({LABEL: torch.arange(40) % 3}):
        found = score_of_chunk(model, KL(), "the data", x)
        q = model.encoder(x)
    with torch.no_grad():
        expected = Mixture.kl(model.prior, q, same_for_all_rows("any", x)).double()
    assert torch.equal(found, expected)


def test_batch_norms_are_recalibrated_under_the_labels_of_the_samples():
    """Of an encoder whose batch norm reads the class, over all training samples."""
    model = trained()[1]
    model.encoder = nn.Sequential(ByClass(), nn.BatchNorm1d(1), nn.Flatten(), nn.Linear(1, 4), Posterior())
    statistics = recalibrated_statistics(model, Many(), 0)
    (found,) = (each for name, each in statistics.items() if name.startswith("encoder"))
    assert found.mean.item() == pytest.approx(1.0, abs=0.01)  # of the classes 0, 1 and 2


def test_a_metric_that_fails_leaves_no_condition():
    plan, model = trained()
    with torch.no_grad():
        model.encoder.linear.weight.fill_(float("nan"))
    (result,) = evaluate({"kl": PosteriorKL()}, plan.data, {"raw": model, "ema": model}.__getitem__, 0)
    assert result.value is None and model.prior.labels is None


def test_equal_plans_have_equal_facts_of_their_classes():
    assert replace(plan_of()).class_facts == plan_of().class_facts
