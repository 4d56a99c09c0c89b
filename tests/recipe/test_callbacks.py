"""Callbacks in a recipe: checked keys, owners, and which of them decide the weights."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import tomli_w
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.api import Callback, Doc, PositiveInt, StopTraining
from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Evaluate, Report, Use
from genkit.tables.experiment import Experiment


@dataclass
class Notes(Callback):
    """Writes nothing."""

    every: Annotated[PositiveInt, Doc("Steps.")] = 10

    def check(self, plan):
        if self.every > plan.steps:
            raise ValueError(f"every is longer than the run of {plan.steps} steps. Choose fewer")

    def unmet(self):
        return ("no paper. Buy some.",) if self.every == 7 else ()


@dataclass
class Limit(Callback):
    """Stops after some steps."""

    at: Annotated[PositiveInt, Doc("Last step.")]

    stops: ClassVar[bool] = True

    def stepped(self, step: int) -> None:
        if step >= self.at:
            raise StopTraining(f"the limit of {self.at} steps")


@dataclass(frozen=True)
class Stranger:
    """Is no callback."""


class Undecorated(Callback):
    """Is no dataclass."""


@dataclass
class Buggy(Callback):
    """Has a check that fails."""

    def check(self, plan):
        return 1 / 0


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_callbacks(self):
        for target in (Notes, Limit, Stranger, Undecorated, Buggy):
            yield Entry(target.__name__.lower(), f"{__name__}:{target.__name__}", "", "")


METRICS = {"units": Use("active-units", samples=64), "error": Use("reconstruction-error", samples=64)}


def plan_of(callbacks=None, **changes):
    tables = tiny_recipe(metrics=METRICS, **changes).document().tables
    return make_plan(tables | ({"callbacks": callbacks} if callbacks else {}), registry=registry_with(Plugin()))


def problems_of(callbacks, **changes):
    with pytest.raises(RecipeError) as refused:
        plan_of(callbacks, **changes)
    return refused.value.problems


def digest_of(callbacks=None, **changes):
    return Experiment(None, 0, plan_of(callbacks, **changes)).recipe_digest


def test_a_callback_is_bound_with_its_owner_and_its_defaults():
    plan = plan_of({"paper": {"use": "notes"}, "end": {"use": "limit", "at": 3}})
    assert plan.callbacks == {"paper": Notes(10), "end": Limit(3)}
    assert plan.stopping == ("end",)
    assert plan.resolved["callbacks"] == {"paper": {"use": "notes", "every": 10}, "end": {"use": "limit", "at": 3}}
    assert "callbacks.paper: notes (genkit-torch-plugin0 2.0)" in plan.owners


def test_a_resolved_recipe_is_planned_the_same():
    plan = plan_of({"paper": {"use": "notes"}})
    assert make_plan(dict(plan.resolved), registry=registry_with(Plugin())).resolved == plan.resolved


@pytest.mark.parametrize(
    ("table", "path", "names"),
    [
        ({"use": "nots"}, ("use",), ("Did you mean notes?",)),
        ({"use": "notes", "evry": 3}, ("evry",), ("Did you mean every?",)),
        ({"use": "notes", "every": 0}, ("every",), ("a positive integer",)),
        ({"use": "notes", "every": 99}, (), ("longer than the run of 12 steps",)),
        ({}, ("use",), ("missing", "notes")),
        ({"use": "stranger"}, (), ("genkit.api.Callback", "Stranger")),
        ({"use": "undecorated"}, (), ("@dataclass", "Undecorated")),
        ({"use": "buggy"}, (), ("ZeroDivisionError", "test_callbacks.py, line")),
    ],
)
def test_a_mistake_in_a_callback_has_its_place(table, path, names):
    (problem,) = problems_of({"paper": table})
    assert problem.place.path == ("callbacks", "paper", *path)
    assert_names(problem, *names)


def test_what_a_callback_lacks_is_unmet():
    assert plan_of({"paper": {"use": "notes", "every": 7}}).unmet == ("recipe [callbacks.paper] no paper. Buy some.",)


def test_recipes_without_callbacks_have_the_same_text_and_digest():
    recipe = tiny_recipe(metrics=METRICS)
    assert "callbacks" not in tomli_w.dumps(recipe.document().tables)
    assert "callbacks" not in tomli_w.dumps(dict(plan_of().resolved))
    assert "callbacks" not in Experiment(None, 0, plan_of()).recipe


def test_a_callback_that_cannot_stop_the_run_is_not_in_the_digest():
    assert digest_of({"paper": {"use": "notes"}}) == digest_of()


def test_a_callback_that_may_stop_the_run_is_in_the_digest_with_what_it_sees():
    limit = {"end": {"use": "limit", "at": 3}}
    evaluate = Evaluate(every=4, metrics=("units",))
    plain, stopped = digest_of(), digest_of(limit, evaluate=evaluate)
    assert plain != stopped == digest_of(limit | {"paper": {"use": "notes"}}, evaluate=evaluate)
    assert stopped == digest_of(limit, evaluate=Evaluate(every=4, metrics=("units",), best="units"))
    others = {
        digest_of({"end": {"use": "limit", "at": 4}}, evaluate=evaluate),
        digest_of(limit, evaluate=Evaluate(every=5, metrics=("units",))),
        digest_of(limit, evaluate=Evaluate(every=4)),
        digest_of(limit, evaluate=evaluate, report=Report(log_every=3)),
    }
    assert len({plain, stopped, *others}) == 6


@pytest.mark.parametrize(
    ("metric", "evaluate", "names"),
    [
        ("error", None, ("[evaluate]",)),
        ("eror", Evaluate(every=3), ('"eror"', "units, error")),
        ("error", Evaluate(every=3, metrics=("units",)), ('"error"', "metrics of [evaluate]")),
    ],
)
def test_early_stopping_refuses_a_metric_that_it_does_not_see(metric, evaluate, names):
    changes = {} if evaluate is None else {"evaluate": evaluate}
    (problem,) = problems_of({"patience": {"use": "early-stopping", "metric": metric}}, **changes)
    assert problem.place.path == ("callbacks", "patience")
    assert_names(problem, *names)


def test_early_stopping_refuses_a_metric_without_a_direction():
    tables = tiny_recipe(metrics={"kl": Use("posterior-kl", samples=64)}, evaluate=Evaluate(every=3)).document().tables
    early = {"callbacks": {"patience": {"use": "early-stopping", "metric": "kl"}}}
    with pytest.raises(RecipeError) as refused:
        make_plan(tables | early, registry=registry_with())
    assert_names(refused.value, "[callbacks] patience", '"kl"')
