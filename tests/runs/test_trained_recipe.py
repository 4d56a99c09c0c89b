"""A run is resumed with the recipe that its weights were trained with, and with no other."""

import json
import math
import shutil
from pathlib import Path

import pytest
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.errors import UsageError
from genkit.recipe.changed_keys import changed_keys
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.trained_recipe import check_recipe_of_checkpoint, check_recipe_of_finished, recipe_of_weights

RECIPE = tiny_recipe(checkpoint=Checkpoint(every=4, keep=2), report=Report(log_every=2))
IMAGES = {"samples": 20, "pixel_digest": "0"}


@pytest.fixture(scope="module")
def plan():
    return make_plan(RECIPE, registry=registry_with())


def changed_plan(override: str):
    return make_plan(RECIPE, overrides=[override], registry=registry_with())


def refusal(plan, recipe, step: int = 4, data=None) -> str:
    facts = {"step": step, "recipe": json.loads(json.dumps(recipe)), "data": data or {}}
    with pytest.raises(UsageError) as refused:
        check_recipe_of_checkpoint(plan, RunFolder(Path("run")), facts)
    return str(refused.value)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("seed=7", "seed 3 -> 7"),
        ("train.batch_size=4", "train.batch_size 8 -> 4"),
        ("train.precision=fp64", "train.precision fp32 -> fp64"),
        ("train.steps=40", "train.steps 12 -> 40"),
        ("optimiser.encoder.lr.start=0.5", "optimiser.encoder.lr.start 0.01 -> 0.5"),
        ("optimiser.decoder.use=adam", "optimiser.decoder.use adamw -> adam"),
        ("optimiser.decoder.clip_norm=", "optimiser.decoder.clip_norm 0.5 -> absent"),
        ("loss.warmup_steps=5", "loss.warmup_steps 4 -> 5"),
        ("ema=", "ema {'decay': 0.9} -> absent"),
        ("data.use=8-gaussians", "data.use blob -> 8-gaussians"),
    ],
)
def test_a_key_that_decides_the_weights_is_named(plan, override, named):
    assert_names(refusal(changed_plan(override), recipe_of_weights(plan)), "recipe.resolved.toml", named)


@pytest.mark.parametrize(
    "override",
    ["title=x", "checkpoint.keep=9", "report.log_every=1", "seed=3", "train.compile=true", "train.compile=false"],
)
def test_other_keys_may_change(plan, override):
    facts = {"step": 4, "recipe": json.loads(json.dumps(recipe_of_weights(plan)))}
    check_recipe_of_checkpoint(changed_plan(override), RunFolder(Path("run")), facts)


def test_a_checkpoint_that_does_not_know_its_recipe_is_accepted_up_to_the_last_step(plan):
    check_recipe_of_checkpoint(plan, RunFolder(Path("run")), {"step": 12})
    with pytest.raises(UsageError) as refused:
        check_recipe_of_checkpoint(plan, RunFolder(Path("run")), {"step": 98})
    assert_names(refused.value, "[train] steps", "98 steps", "12", "train.warm_start")


def test_more_steps_after_the_end_are_answered_with_warm_start(plan):
    message = refusal(changed_plan("train.steps=60"), recipe_of_weights(plan), step=12)
    assert_names(message, "[train] steps", "12 steps", "60", "train.warm_start")


@pytest.mark.parametrize("recipe", [{"train": 3}, {}, {"loss": []}])
def test_a_damaged_recipe_is_another_recipe(plan, recipe):
    assert_names(refusal(plan, recipe), "differs")


def test_data_may_move_if_their_fingerprint_is_of_the_samples(plan):
    def moved(path: str):
        return {**recipe_of_weights(plan), "data": {"use": "blob", "path": path}}

    check_recipe_of_checkpoint(plan, RunFolder(Path("run")), {"step": 4, "recipe": moved("before"), "data": IMAGES})
    for data in ({}, {"samples": 20}, {"samples": 20, "held_out": IMAGES}):
        assert_names(refusal(plan, moved("before"), data=data), "data.path before -> absent")


def test_a_key_that_a_later_version_has_introduced_is_no_change(plan):
    then = recipe_of_weights(plan)
    del then["optimiser"]["encoder"]["betas"]  # left to its default
    check_recipe_of_checkpoint(plan, RunFolder(Path("run")), {"step": 4, "recipe": then})
    del then["loss"]["weight"]["stop"]  # given by the recipe
    assert_names(refusal(plan, then), "loss.weight.stop absent -> 0.5")


def test_values_are_equal_after_a_round_trip_through_json(plan):
    recipe = recipe_of_weights(plan)
    assert json.loads(json.dumps(recipe)) == recipe
    assert changed_keys({"a": math.nan, "b": [1.5, 1e-300]}, json.loads('{"a": NaN, "b": [1.5, 1e-300]}')) == []


@pytest.mark.trains
def test_a_run_with_another_recipe_is_refused_before_anything_changes(tmp_path):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, 6)
    text = folder.resolved.read_text()
    facts = json.loads((folder.checkpoint(4) / "state.json").read_text())
    assert facts["recipe"]["seed"] == 3 and facts["lines"] == {"metrics.jsonl": 2, "evaluations.jsonl": 0}
    before = folder.metrics.read_bytes()
    folder.resolved.write_text(text.replace("seed = 3", "seed = 7"))
    with pytest.raises(UsageError) as refused:
        train_on(folder)
    assert_names(refused.value, f"{folder.resolved}: ", "seed 3 -> 7")
    assert folder.metrics.read_bytes() == before
    folder.resolved.write_text(text)
    train_on(folder)

    def plan_of(changed: str):
        folder.resolved.write_text(changed)
        return make_plan(folder.resolved, registry=registry_with())

    check_recipe_of_finished(plan_of(text), folder)
    with pytest.MonkeyPatch.context() as patched:  # a finished run is printed without its data
        patched.setattr("genkit.recipe.plan.data_fingerprint", lambda data: pytest.fail("reads the data"))
        check_recipe_of_finished(plan_of(text), folder)
    for changed, named in (("steps = 12", "steps = 60"), "12 steps"), (("seed = 3", "seed = 7"), "seed 3 -> 7"):
        with pytest.raises(UsageError) as refused:
            check_recipe_of_finished(plan_of(text.replace(*changed)), folder)
        assert_names(refused.value, f"{folder.resolved}", named)
    shutil.rmtree(folder.final)
    folder.resolved.write_text(text.replace("steps = 12", "steps = 60"))
    with pytest.raises(UsageError) as refused:
        train_on(folder)
    assert_names(refused.value, "[train] steps", "12 steps", "60", "train.warm_start")
