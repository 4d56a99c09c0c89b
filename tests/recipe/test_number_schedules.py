"""A number as the default of a schedule: the plan makes a constant schedule of it, as of a number in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Coupled, registry_with
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_recipe, train_all

from genkit.api import ConstantSchedule, PhaseLoss, Schedule
from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.parts.schedules.linear import LinearSchedule
from genkit.recipe.binding.part_fields import parameters_of, with_schedules
from genkit.recipe.installed.describe_parts import describe_part
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use


@dataclass(frozen=True)
class Inner:
    """A schedule that scales another one."""

    of: Schedule = 0.5
    factor: float = 2.0

    def __call__(self, t: float, /) -> float:
        return self.factor * self.of(t)


@dataclass(frozen=True)
class Numbers(Coupled):
    weight: Schedule = 1
    inner: Schedule = Inner()
    made: Schedule = field(default_factory=lambda: 0.25)
    absent: Schedule | None = None
    real: Schedule = LinearSchedule()
    number: float = 3.0

    def encode(self, model, batch):
        total, terms = super().encode(model, batch)
        return PhaseLoss(total * self.inner(batch.t) * self.made(batch.t) * self.real(batch.t), terms)


@dataclass(frozen=True)
class Rated:
    """An optimiser whose learning rate has a default."""

    lr: Schedule = 1e-2
    clip_norm: float | None = None

    def build(self, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr(0.0))


@dataclass(frozen=True)
class Endless(Coupled):
    weight: Schedule = float("inf")


@dataclass(frozen=True)
class Named(Coupled):
    weight: Schedule = "cosine"


@dataclass(frozen=True)
class Switched(Coupled):
    weight: Schedule = True


@dataclass(frozen=True)
class Either(Coupled):
    weight: Schedule | float = 0.5


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        for name in ("Numbers", "Endless", "Named", "Switched", "Either"):
            yield Entry(name.lower(), f"{__name__}:{name}", "", "")

    @hookimpl
    def genkit_optimisers(self):
        yield Entry("rated", f"{__name__}:Rated", "", "")

    @hookimpl
    def genkit_schedules(self):
        yield Entry("inner", f"{__name__}:Inner", "", "")


REGISTRY = registry_with(Plugin())


def plan_of(loss="numbers", /, **keys):
    rated = {"encoder": Use("rated"), "decoder": Use("rated")}
    return make_plan(tiny_recipe(loss=Use(loss, **keys), optimiser=rated), registry=REGISTRY)


COMPLETE = Numbers(
    weight=ConstantSchedule(1.0), inner=Inner(ConstantSchedule(0.5)), made=ConstantSchedule(0.25), warmup_steps=0
)


@pytest.fixture(scope="module")
def plan():
    return plan_of()


def test_a_key_that_the_recipe_leaves_out_is_a_constant_schedule(plan):
    assert plan.loss == COMPLETE
    assert all(optimiser == Rated(ConstantSchedule(1e-2)) for optimiser in plan.optimisers.values())


def test_the_resolved_recipe_has_the_numbers_and_gives_the_same_plan(plan):
    assert plan.resolved["loss"]["weight"] == 1.0 and plan.resolved["loss"]["made"] == 0.25
    assert plan.resolved["loss"]["inner"] == {"use": "inner", "of": 0.5, "factor": 2.0}
    assert plan.resolved["optimiser"]["encoder"] == {"use": "rated", "lr": 1e-2}
    written = {key: value for key, value in plan.resolved["loss"].items() if key != "use"}
    assert plan_of(**written).loss == plan.loss


@pytest.mark.trains
def test_the_bits_are_those_of_a_recipe_that_writes_the_numbers(plan):
    written = plan_of(weight=1.0, inner={"use": "inner", "of": 0.5}, made=0.25)
    assert_same_bits(*(tensors_of(train_all(each)[0]) for each in (plan, written)))


def test_the_description_of_a_part_has_the_number():
    [part] = [each for each in REGISTRY.of_kind("losses") if each.entry.name == "numbers"]
    defaults = {key["key"]: key["default"] for key in describe_part(part, REGISTRY)["keys"]}
    assert defaults["weight"] == "1.0" and defaults["made"] == "0.25" and defaults["number"] == "3.0"


def test_only_schedules_are_completed():
    parameters = parameters_of(Numbers)
    assert {name for name, each in parameters.items() if each.completed} == {"weight", "inner", "made"}
    assert parameters["number"].default == 3.0


@pytest.mark.parametrize(("name", "found"), [("endless", "inf"), ("named", "'cosine'"), ("switched", "True")])
def test_a_default_that_is_neither_a_finite_number_nor_a_schedule_is_refused(name, found):
    with pytest.raises(RecipeError) as refused:
        plan_of(name)
    assert_names(refused.value, "[loss] use", f'"{name}"', "weight", found, "number", "plugin0")


def test_a_schedule_or_a_number_as_a_type_is_refused_with_the_type_to_write():
    with pytest.raises(RecipeError) as refused:
        plan_of("either")
    assert_names(refused.value, "[loss] use", '"either"', "weight", "write Schedule alone", "plugin0")


def test_a_part_that_python_constructs_is_completed_like_one_of_a_recipe():
    assert with_schedules(Numbers()) == COMPLETE
    assert with_schedules(COMPLETE) is COMPLETE  # nothing to complete
    assert with_schedules(replace(COMPLETE, weight=2)).weight == ConstantSchedule(2.0)
    with pytest.raises(TypeError):
        with_schedules(Named())
