"""The resolved recipe: every key with its value and its origin."""

from dataclasses import dataclass, field
from typing import Any

import tomli_w
from support.faulty_parts import GOOD
from support.tiny_parts import Coupled, registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.api import ConstantSchedule, Schedule
from genkit.hooks import Entry, hookimpl
from genkit.parts.schedules.linear import LinearSchedule
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use


def test_the_resolved_recipe_is_complete_and_has_an_equal_plan(tmp_path):
    plan = tiny_plan()
    (tmp_path / "resolved.toml").write_text(tomli_w.dumps(dict(plan.resolved)))
    second = make_plan(tmp_path / "resolved.toml", registry=registry_with())
    assert second.resolved == plan.resolved
    assert (second.data, second.loss, second.optimisers) == (plan.data, plan.loss, plan.optimisers)
    assert plan.resolved["optimiser"]["encoder"]["betas"] == [0.9, 0.999]
    assert plan.resolved["loss"]["weight"] == {"use": "linear", "start": 0.0, "stop": 0.5, "begin": 0.0, "end": 1.0}


def origins_of(plan) -> dict[str, str]:
    return {".".join(key.path): key.origin for key in plan.keys}


def test_every_key_has_its_origin(tmp_path):
    (tmp_path / "r.toml").write_text(GOOD)
    origins = origins_of(make_plan(tmp_path / "r.toml", overrides=("seed=5",), registry=registry_with()))
    assert origins["seed"] == "--set"
    assert origins["train.steps"] == f"{tmp_path}/r.toml:27"
    assert origins["train.precision"] == "default of [train]"
    assert origins["optimiser.decoder.weight_decay"] == 'default of "adamw" (genkit-torch 0.1.0)'


def test_the_use_of_a_metric_comes_from_its_label_unless_it_is_written():
    metrics = {"modes": {}, "kept": {"use": "modes"}}
    tables = tiny_recipe(data=Use("8-gaussians")).document().tables | {"metrics": metrics}
    origins = origins_of(make_plan(tables, registry=registry_with()))
    assert (origins["metrics.modes.use"], origins["metrics.kept.use"]) == ("its label", "recipe")


@dataclass(frozen=True)
class Defaults(Coupled):
    """A loss with defaults of all forms."""

    weight: Schedule = LinearSchedule(stop=2.0)
    constant: Schedule = ConstantSchedule(0.5)
    absent: Schedule | None = None
    numbers: tuple[int, ...] = (1, 2)
    nothing: dict[str, Any] = field(default_factory=dict)


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("defaults", f"{__name__}:Defaults", "", "")


def test_a_default_is_written_as_a_recipe_would_write_it():
    plan = make_plan(tiny_recipe(loss=Use("defaults")), registry=registry_with(Plugin()))
    assert plan.resolved["loss"] == {
        "use": "defaults",
        "weight": {"use": "linear", "start": 0.0, "stop": 2.0, "begin": 0.0, "end": 1.0},
        "warmup_steps": 0,
        "constant": 0.5,
        "numbers": [1, 2],
    }
    assert origins_of(plan)["loss.weight.stop"] == 'default of "defaults" (genkit-torch-plugin0 2.0)'
