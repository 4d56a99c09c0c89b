"""The JSON schema of recipes: it accepts what the plan accepts, and refuses a mistake in a key, as the plan does."""

from __future__ import annotations

import copy
import json
import math
import sys
import tomllib
import types
from dataclasses import dataclass
from typing import Annotated, Any

import fastjsonschema
import pytest
from support.commands import TINY
from support.schemas import accepts

from genkit.api import Doc, NonNegativeSchedule, Schedule
from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.part_fields import SUPPLIED, parameters_of, without_none
from genkit.recipe.installed.registry import Owner, load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.schema.schema_of_parts import PartSchemas
from genkit.recipe.schema.schema_of_recipe import schema_of_recipe
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import with_override
from genkit.recipe.text.shipped import recipes_folder

RECIPES = sorted(recipes_folder().glob("*.toml"))
KINDS = ("datasets", "models", "priors", "losses", "errors", "divergences", "schedules", "metrics", "scores")
KINDS += ("extractors", "optimisers", "callbacks")


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.fixture(scope="module")
def schema(registry):
    return schema_of_recipe(registry).schema


@pytest.fixture(scope="module")
def accepted(schema):
    return accepts(schema)


def test_all_shipped_recipes_are_valid(accepted):
    assert [path.stem for path in RECIPES if not accepted(tomllib.loads(path.read_text(encoding="utf-8")))] == []


def test_a_resolved_recipe_is_valid_too(accepted, registry):
    plan = make_plan(Document(tomllib.loads(TINY)), registry=registry, try_step=False)
    assert accepted(dict(plan.resolved))


MISTAKES = {
    "typo of a key of a part": "loss.bta_kl=1.0",
    "typo of a key of a table": "train.bath_size=8",
    "typo of a table": "trian.steps=8",
    "key of another loss": "loss.beta_neg=1.0",
    "key of another metric": "metrics.modes.threshold=0.5",
    "key that the data set supplies": "model.data_shape=[2]",
    "wrong type": "train.batch_size='many'",
    "boolean in place of a number": "optimiser.encoder.lr=true",
    "number in place of a boolean": "train.compile=1",
    "no choice": "train.precision='fp8'",
    "no choice of a part": "metrics.modes.weights='best'",
    "out of range": "model.width=0",
    "out of range in a table": "ema.decay=1.0",
    "list that is too short": "optimiser.encoder.betas=[0.9]",
    "list with a wrong item": "report.strip_steps=[0]",
    "unknown part": "data.use='9-gaussians'",
    "unknown part in a part": "loss.beta_kl={use='liner'}",
    "unknown part as a text": "loss.beta_kl='liner'",
    "schedule as a text that has required keys": "loss.beta_kl='multistep'",
    "schedule without its required key": "loss.beta_kl={use='multistep'}",
    "schedule without a name": "loss.beta_kl={start=1.0}",
    "negative weight": "loss.beta_kl=-0.5",
    "negative learning rate": "optimiser.encoder.lr=-1",
    "schedule with the key of another": "loss.beta_kl={use='linear', rate=1.0}",
    "unknown metric": "metrics.nodes={}",
    "label without a part": "metrics.mine={samples=5}",
    "label with an unknown part": "metrics.mine.use='nodes'",
    "callback without a part": "callbacks.early-stopping={metric='modes'}",
    "prior with a key of another": "model.prior={use='normal', components=3}",
    "number in place of a table": "train=5",
    "name in place of tables": "optimiser='adam'",
    "missing required table": "loss=",
    "missing required key": "train.batch_size=",
    "missing required key of a part": "optimiser.decoder.lr=",
    "missing name of a part": "model.use=",
    "missing title": "title=",
    "key of an unknown tracker": "track.to=['tensorbord']",
}


@pytest.mark.parametrize("override", MISTAKES.values(), ids=MISTAKES)
def test_plan_and_schema_refuse_a_mistake(override, accepted, registry):
    document = Document(tomllib.loads(TINY))
    assert accepted(document.tables)
    wrong = with_override(document, override)
    with pytest.raises(RecipeError):
        make_plan(wrong, registry=registry, try_step=False)
    assert not accepted(wrong.tables)


ALTERNATIVES = {
    "part as a text": "data='8-gaussians'",
    "schedule as an integer": "loss.beta_kl=1",
    "schedule as a text": "loss.beta_kl='linear'",
    "schedule as a table": "loss.beta_kl={use='cosine', start=0.5}",
    "prior in the model": "model.prior={use='mixture', components=3}",
    "error as a text": "model.error='l1'",
    "metric as a text": "metrics.mine='modes'",
    "metric by its label": "metrics.gnelbo={}",
    "label of another metric": "metrics.modes={use='active-units', threshold=0.5}",
    "label of another metric with a key of that name": "metrics.modes={use='posterior-kl', samples=5, of='real'}",
    "no metrics": "metrics={}",
    "score in a metric": "metrics.auroc={other={use='rings'}, score={use='elbo'}}",
}


@pytest.mark.parametrize("override", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_plan_and_schema_accept_a_short_form(override, accepted, registry):
    document = with_override(Document(tomllib.loads(TINY)), override)
    make_plan(document, registry=registry, try_step=False)
    assert accepted(document.tables)


# Each key of each part, with many values

VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 300, 0.5, 1.0, 1.5, -0.5, 1e6, True, "", "x", "2", [], [1], [1, 2], [0, 1, 2], [1, 2, 3, 4]),
    *([0.5, 0.5], [-1.5, 2.5], [[0.0, 1.0]], ["a"], [True], {}, {"a": 1.0}, {"use": "linear"}, {"use": "nothing"}),
    *({"use": "constant", "value": 1}, "linear", "kl", {"use": "digits"}, "digits", "pixels", {"use": "mlp"}),
)


@pytest.mark.parametrize("kind", KINDS)
def test_plan_and_schema_agree_on_every_key_of_every_part(kind, registry):
    schemas = PartSchemas(registry)
    accepted = fastjsonschema.compile({**schemas.table(kind), "definitions": schemas.definitions}, use_default=False)
    supplied = SUPPLIED.get(kind, ())
    wrong, seen = [], set()
    for part in registry.of_kind(kind):
        parameters = {key: each for key, each in parameters_of(part.load()).items() if key not in supplied}
        table = {"use": part.entry.name}
        table |= {key: a_value(parameter.hint, registry) for key, parameter in parameters.items() if parameter.required}
        assert binds(kind, table, registry) and is_valid(accepted, table)
        assert not is_valid(accepted, {**table, "no_such_key": 1})
        for key, parameter in parameters.items():
            hint = without_none(parameter.hint)
            for value in VALUES[:3] if (key, hint) in seen else (*VALUES, *choices(hint)):
                plan, valid = binds(kind, {**table, key: value}, registry), is_valid(accepted, {**table, key: value})
                if plan and not valid and not (value is True and 1 in choices(hint)):  # for pydantic, true is 1 there
                    wrong.append((part.entry.name, key, value, "refused"))
                if valid and not plan and not isinstance(value, dict) and not is_whole(value):
                    wrong.append((part.entry.name, key, value, "accepted"))
            seen.add((key, hint))
            if parameter.required:
                assert not is_valid(accepted, {name: value for name, value in table.items() if name != key})
    assert wrong == []


def is_valid(accepted: Any, table: dict[str, Any]) -> bool:
    try:
        accepted(table)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def binds(kind: str, table: dict[str, Any], registry) -> bool:
    """Return whether the binder accepts the keys of a table; rules between its keys are not checked."""
    try:
        Binder(registry, Document({})).prepare(kind, table, (kind,), SUPPLIED.get(kind, ()))
    except Invalid:
        return False
    return True


def a_value(hint: Any, registry) -> Any:
    """Return a value that the binder accepts for a type."""
    for value in (*VALUES, *choices(without_none(hint))):
        try:
            Binder(registry, Document({})).value(hint, copy.deepcopy(value), ("key",), "")
        except Invalid:
            continue
        return value
    raise AssertionError(f"none of the values is for {hint}")


def choices(hint: Any) -> list[Any]:
    """Return the values of a `Literal`, and of one within a union."""
    found = getattr(hint, "__args__", ())
    return [each for each in found if isinstance(each, (str, int))] + [
        choice for inner in found if hasattr(inner, "__args__") for choice in choices(inner)
    ]


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer that is written as a float, which JSON schemas take for an integer."""
    return isinstance(value, float) and value.is_integer()


# Schedules with bounds


@dataclass(frozen=True)
class Bounded:
    """A divergence with a weight."""

    weight: Annotated[NonNegativeSchedule, Doc("Weight.")]


@dataclass(frozen=True)
class Free:
    """A divergence with a weight of any sign."""

    weight: Annotated[Schedule, Doc("Weight.")]


class WithBounds:
    """A plugin whose parts have one key with different bounds."""

    genkit_hooks = 1

    @hookimpl
    def genkit_divergences(self):
        yield Entry("bounded", f"{__name__}:Bounded", "Weighted", "")
        yield Entry("free", f"{__name__}:Free", "Weighted", "")


@pytest.mark.parametrize("partial", [False, True], ids=["recipe", "set"])
def test_bounds_of_a_schedule_are_those_of_its_number(partial):
    registry = load_registry()
    registry.register(WithBounds(), Owner("bounds", "genkit-bounds", "1.0"))
    schemas = PartSchemas(registry, partial)
    table = schemas.table("divergences")
    weight = table["properties"]["weight"]
    assert "minimum" not in weight and "linear" in weight["properties"]["use"]["enum"]  # what editors complete
    accepted = accepts({**table, "definitions": schemas.definitions})
    for value in (-0.5, 0, 0.5, "linear", {"use": "linear", "start": -1.0}, {"use": "liner"}, True):
        right = value != {"use": "liner"} and value is not True
        assert accepted({"use": "free", "weight": value}) is right
        assert accepted({"use": "bounded", "weight": value}) is (right and (partial or value != -0.5))
    vae = PartSchemas(registry, partial).table("losses")["properties"]["beta_kl"]
    assert vae["minimum"] == 0 and "linear" in vae["properties"]["use"]["enum"]


# What an editor shows


def test_every_key_has_its_meaning_its_type_and_its_default(schema, registry):
    for kind, table in (("losses", "loss"), ("datasets", "data"), ("models", "model")):
        for part in registry.of_kind(kind):
            for key, parameter in parameters_of(part.load()).items():
                if key not in SUPPLIED.get(kind, ()):
                    text = " ".join(schema["properties"][table]["properties"][key]["description"].split())
                    assert parameter.doc in text and " Takes " in text
    decay = schema["properties"]["ema"]["properties"]["decay"]
    assert (decay["default"], decay["minimum"], decay["exclusiveMaximum"]) == (0.999, 0, 1)
    assert "Default: 0.999." in decay["description"]


def test_each_name_of_a_part_has_its_summary(schema, registry):
    use = schema["properties"]["loss"]["properties"]["use"]
    vae = registry.find("losses", "vae")
    assert use["x-taplo"]["docs"]["enumValues"][use["enum"].index("vae")].startswith(vae.entry.summary)


# Parts that a schema cannot hold


@dataclass(frozen=True)
class Endless:
    """A schedule with a default that JSON cannot hold."""

    limit: Annotated[float, Doc("Largest value.")] = math.inf

    def __call__(self, t: float) -> float:
        return min(t, self.limit)


class Unusual:
    """A plugin with a part that cannot be imported, and a part whose name has another owner."""

    genkit_hooks = 1

    @hookimpl
    def genkit_schedules(self):
        yield Entry("endless", "unusual_parts:Endless", "No limit", "")
        yield Entry("lost", "unusual_parts:Lost", "Missing", "")
        yield Entry("linear", "unusual_parts:Endless", "Name of another", "")


def test_parts_that_no_recipe_can_use_are_left_out_and_named(monkeypatch):
    module = types.ModuleType("unusual_parts")
    module.Endless = Endless  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unusual_parts", module)
    registry = load_registry()
    registry.register(Unusual(), Owner("unusual", "genkit-unusual", "1.0"))
    made = schema_of_recipe(registry)
    names = made.schema["properties"]["optimiser"]["additionalProperties"]["properties"]["lr"]["properties"]["use"]
    assert "endless" in names["enum"] and not {"lost", "linear"} & set(names["enum"])
    assert made.left_out.keys() == {"schedules lost", "schedules linear"}
    json.dumps(made.schema, allow_nan=False)
