"""The resolved recipe: every key with its value and its origin."""

from dataclasses import dataclass, field
from typing import Any

import tomli_w
from PIL import Image
from support.faulty_parts import GOOD
from support.tiny_parts import Coupled, registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.api import ConstantSchedule, Schedule
from genkit.hooks import Entry, hookimpl
from genkit.parts.schedules.linear import LinearSchedule
from genkit.recipe.installed.describe_parts import describe_part
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


@dataclass(frozen=True)
class Variants(Coupled):
    """A loss whose `variant` sets the default of `ramp`, whose own `factor` sets the default of `stop`."""

    weight: Schedule = ConstantSchedule(0.5)
    ramp: Schedule | None = None
    variant: str = "up"
    fixed: Schedule = field(default_factory=lambda: Ramp(2.0))

    def dependent_defaults(self) -> dict[str, Any]:
        return {"ramp": Ramp(1.0 if self.variant == "up" else -1.0)} if self.ramp is None else {}


@dataclass(frozen=True)
class Ramp:
    factor: float
    stop: float | None = None

    def dependent_defaults(self) -> dict[str, float]:
        return {"stop": 10 * self.factor} if self.stop is None else {}

    def __call__(self, t: float, /) -> float:
        return self.factor * t


class PluginWithVariants:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("variants", f"{__name__}:Variants", "", "")

    @hookimpl
    def genkit_schedules(self):
        yield Entry("ramp", f"{__name__}:Ramp", "", "")


def planned_with_variants(source, *overrides):
    return make_plan(source, overrides=overrides, registry=registry_with(PluginWithVariants()))


def test_a_default_that_other_keys_decide_is_written_with_its_origin():
    plan = planned_with_variants(tiny_recipe(loss=Use("variants", variant="down")))
    assert plan.resolved["loss"]["ramp"] == {"use": "ramp", "factor": -1.0, "stop": -10.0}
    assert origins_of(plan)["loss.ramp.stop"] == ('default of "variants" for its other keys (genkit-torch-plugin0 2.0)')
    assert plan.loss.ramp == Ramp(-1.0, -10.0)
    dependent = {".".join(key.path) for key in plan.keys if key.dependent}
    assert dependent == {"loss.ramp.use", "loss.ramp.factor", "loss.ramp.stop", "loss.fixed.stop"}


def test_a_key_that_the_recipe_gives_is_not_replaced_by_the_default():
    plan = planned_with_variants(tiny_recipe(loss=Use("variants")), "loss.ramp.use=ramp", "loss.ramp.factor=3")
    assert plan.loss.ramp == Ramp(3.0, 30.0) and origins_of(plan)["loss.ramp.factor"] == "--set"
    assert {key.path for key in plan.keys if key.dependent} == {("loss", "ramp", "stop"), ("loss", "fixed", "stop")}


def test_the_plan_of_a_resolved_recipe_with_dependent_defaults_is_the_same():
    plan = planned_with_variants(tiny_recipe(loss=Use("variants")))
    again = planned_with_variants(plan.resolved)
    assert (again.resolved, list(again.resolved["loss"])) == (plan.resolved, list(plan.resolved["loss"]))
    assert again.loss.ramp == plan.loss.ramp and again.parts["loss", "ramp"] == plan.parts["loss", "ramp"]
    assert again.dry_run.schedules == plan.dry_run.schedules


def test_what_the_data_decide_is_shown_and_is_not_a_key_of_the_resolved_recipe(tmp_path):
    for number in range(60):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    recipe = tiny_recipe(
        data=Use("image-folder", path=str(tmp_path), resolution=4),
        model=Use("mlp", latent_dim=2),
        loss=Use("vae"),
        metrics={"error": Use("reconstruction-error"), "some": Use("reconstruction-error", samples=1)},
    )
    plan = make_plan(recipe, registry=registry_with())
    decided = {".".join(key.path): str(key.value) for key in plan.data_keys}
    assert decided == {
        "data.hold_out": "3 samples are held out, 57 are trained on",
        "metrics.error.samples": "3",
        "report.log_every": "1",
    }
    assert "samples" not in plan.resolved["metrics"]["error"] and "hold_out" not in plan.resolved["data"]
    assert "metrics.error.samples: 3" in plan.notes


def test_the_default_of_a_part_is_described_as_a_recipe_writes_it():
    registry = registry_with(PluginWithVariants())
    described = describe_part(registry.find("losses", "variants"), registry)
    defaults = {key["key"]: key["default"] for key in described["keys"]}
    assert defaults == {
        "weight": "0.5",
        "warmup_steps": "0",
        "ramp": "",
        "variant": '"up"',
        "fixed": '{use = "ramp", factor = 2.0, stop = 20.0}',
    }
