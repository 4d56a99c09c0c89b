"""Evaluations during training change nothing, depend on recipe and step alone, and keep the best weights."""

import json
import pkgutil
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.commands import TINY, genkit, write_recipe
from support.kill_and_resume import Killed, new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.errors import RecipeError
from genkit.evaluation.compute_metrics import evaluate
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report, Use
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.evaluate_during_training import best_of, evaluations_of
from genkit.storage.weights import copy_by_name, select
from genkit.tables.experiment import Experiment

pytestmark = pytest.mark.trains

METRICS = {
    "error": Use("reconstruction-error", samples=64, split="test"),
    "kl": Use("posterior-kl", samples=64, weights="ema"),
    "units": Use("active-units", samples=64, threshold=1e-9),
}
WITHOUT = tiny_recipe(
    checkpoint=Checkpoint(every=4, keep=9),
    report=Report(log_every=2, draw_every=99, strip_steps=(12,)),
    metrics=METRICS,
)
STEPS = [3, 6, 9, 12]


def recipe(best="error", every=3, **asked):
    tables = WITHOUT.document().tables | {"evaluate": {"every": every, "best": best, **asked}}
    # The data have one split, which is called neither train nor test.
    for table in tables["metrics"].values():
        table.pop("split", None)
    return tables


def kept(folder: RunFolder) -> dict[str, bytes]:
    """Return all that an evaluation writes."""
    files = [folder.evaluations.path, *folder.best.iterdir(), *folder.final.iterdir(), folder.results]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in files}


def tensors(folder: RunFolder, step: int) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoint(step) / "state.safetensors")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> RunFolder:
    folder = new_run(tmp_path_factory.mktemp("uninterrupted"), recipe())
    assert train_on(folder).evaluations == [(step, list(METRICS)) for step in STEPS]
    return folder


def test_evaluations_do_not_change_training(tmp_path, uninterrupted):
    tables = recipe()
    del tables["evaluate"]
    folder = new_run(tmp_path, tables)
    train_on(folder)
    assert_same_bits(tensors(folder, 12), tensors(uninterrupted, 12))
    for path in (folder.metrics, *folder.samples.iterdir(), *folder.strip.iterdir(), folder.results):
        assert path.read_bytes() == (uninterrupted.path / path.relative_to(folder.path)).read_bytes()
    assert not folder.evaluations.path.exists() and not folder.best.exists()


def test_each_line_holds_the_numbers_of_the_checkpoint_of_its_step(uninterrupted):
    plan = make_plan(uninterrupted.resolved, registry=registry_with())
    found = evaluations_of(uninterrupted)
    assert [one.step for one in found] == STEPS
    for one in found:
        state = initial_state(plan, World())
        copy_by_name(state.model, select(tensors(uninterrupted, one.step), "model/"), uninterrupted.path)
        copy_by_name(state.average.model, select(tensors(uninterrupted, one.step), "ema/"), uninterrupted.path)
        assert one.results == evaluate(plan.metrics, plan.data, state.weights, plan.recipe.seed)
    assert found[-1].results == [Result.from_dict(facts) for facts in json.loads(uninterrupted.results.read_text())]


def test_the_best_folder_holds_the_weights_of_the_step_with_the_best_number(uninterrupted):
    errors = {one.step: one.value("error") for one in evaluations_of(uninterrupted)}
    best = min(STEPS, key=errors.__getitem__)
    assert step_of(uninterrupted.best) == best
    expected = tensors(uninterrupted, best)
    assert_same_bits(load_file(uninterrupted.best / "model.safetensors"), select(expected, "model/"))
    assert_same_bits(load_file(uninterrupted.best / "ema.safetensors"), select(expected, "ema/"))
    about = json.loads((uninterrupted.best / "about.json").read_text())
    assert about["best"] == {"metric": "error", "value": errors[best]}


@pytest.mark.parametrize("step", range(1, 13))
def test_a_run_killed_after_any_step_evaluates_the_same(tmp_path, uninterrupted, blank_pictures, step):
    folder = new_run(tmp_path, recipe())
    train_and_kill(folder, step)
    train_on(folder)
    assert kept(folder) == kept(uninterrupted)


def crashing(function, call, before):
    """Return the function; its `call`th call raises `Killed`, before or after it has done its work."""
    calls = []

    def replacement(*arguments, **options):
        calls.append(1)
        if len(calls) == call and before:
            raise Killed
        result = function(*arguments, **options)
        if len(calls) == call:
            raise Killed
        return result

    return replacement


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    "place",
    [
        "genkit.runs.training.evaluate_during_training.evaluate",
        "genkit.runs.training.evaluate_during_training.replace_model",
        "genkit.storage.atomic.os.rename",
        "genkit.runs.training.model_folder.write_model_folder",
        "genkit.storage.jsonl.StepLog.append",
    ],
)
def test_a_crash_during_an_evaluation_loses_nothing(
    tmp_path, uninterrupted, blank_pictures, monkeypatch, place, call, before
):
    folder = new_run(tmp_path, recipe())
    function = pkgutil.resolve_name(place)
    with monkeypatch.context() as patched:
        patched.setattr(place, crashing(function, call, before))
        with pytest.raises(Killed):
            train_on(folder)
    train_on(folder)
    assert kept(folder) == kept(uninterrupted)
    assert not list(folder.path.glob(".best*"))


def test_a_resume_from_before_the_best_step_reaches_it_again(tmp_path, uninterrupted):
    folder = new_run(tmp_path, recipe())
    train_and_kill(folder, 11)
    assert step_of(folder.best) == 9
    for step in folder.saved_steps():
        if step > 4:
            shutil.rmtree(folder.checkpoint(step))
    train_and_kill(folder, 5)
    assert [one.step for one in evaluations_of(folder)] == [3] and not folder.best.exists()
    train_on(folder)
    assert kept(folder) == kept(uninterrupted)


def test_a_logged_evaluation_is_not_repeated(tmp_path, monkeypatch):
    folder = new_run(tmp_path, recipe())
    train_and_kill(folder, 7)
    asked = []
    monkeypatch.setattr(
        "genkit.runs.training.evaluate_during_training.evaluate",
        lambda metrics, *rest: asked.append(list(metrics)) or [],
    )
    train_and_kill(folder, 8)
    assert asked == []


def test_of_equal_steps_the_earliest_is_best(tmp_path):
    folder = new_run(tmp_path, recipe(best="units"))
    train_on(folder)
    values = [one.value("units") for one in evaluations_of(folder)]
    assert len(set(values)) == 1 and step_of(folder.best) == 3


def found(*values):
    protocol = EvaluationProtocol(1, "test", "raw")
    return [EvaluationRecord(step, [Result("x", value, None, protocol)]) for step, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "better", "step"),
    [
        ((3.0, 1.0, 2.0), "lower", 1),
        ((3.0, 1.0, 5.0), "higher", 2),
        ((1.0, 2.0, 1.0), "lower", 0),
        ((1.0, 2.0, 2.0), "higher", 1),
        ((None, -1.0, 4.0), "lower", 1),
    ],
)
def test_the_best_is_the_first_of_the_lowest_or_highest(values, better, step):
    assert best_of(found(*values), "x", better).step == step


def test_nothing_is_best_without_a_value_or_a_direction():
    assert best_of(found(None, None), "x", "lower") is None
    assert best_of(found(1.0), "x", None) is None
    assert best_of(found(1.0), "y", "lower") is None


def test_metrics_not_named_in_evaluate_are_computed_at_the_end_only(tmp_path):
    folder = new_run(tmp_path, recipe(best="error", metrics=["error"], every=5))
    assert train_on(folder).evaluations == [(5, ["error"]), (10, ["error"]), (12, ["error"])]
    assert [facts["label"] for facts in json.loads(folder.results.read_text())] == list(METRICS)


@pytest.mark.parametrize(
    ("asked", "key", "names"),
    [
        ({"best": "eror"}, "best", ('"eror"', "Did you mean error?")),
        ({"best": "kl"}, "best", ('"kl"', "better")),
        ({"metrics": ["error", "unit"]}, "metrics", ('"unit"', "Did you mean units?")),
        ({"metrics": ["units"]}, "best", ('"error"', "metrics")),
        ({"every": 0}, "every", ("found 0", "a positive integer")),
        ({"evry": 3}, "evry", ("Did you mean every?",)),
    ],
)
def test_the_plan_refuses_mistakes_in_evaluate(asked, key, names):
    tables = recipe()
    tables["evaluate"] |= asked
    with pytest.raises(RecipeError) as caught:
        make_plan(tables, registry=registry_with())
    (problem,) = caught.value.problems
    assert problem.place.path == ("evaluate", key)
    assert_names(problem, *names)


def test_evaluations_of_a_recipe_without_metrics_are_refused():
    tables = recipe()
    del tables["metrics"]
    with pytest.raises(RecipeError) as caught:
        make_plan(tables, registry=registry_with())
    (problem,) = caught.value.problems
    assert problem.place.path == ("evaluate",)
    assert_names(problem, "[metrics.LABEL]")


def test_evaluate_does_not_change_the_digest_of_an_experiment():
    plain = {key: table for key, table in recipe().items() if key != "evaluate"}
    plans = [make_plan(tables, registry=registry_with()) for tables in (plain, recipe(), recipe(every=5))]
    assert len({Experiment(None, 0, plan).recipe_digest for plan in plans}) == 1


EVALUATED = (
    TINY
    + """
[metrics.error]
use = "reconstruction-error"
samples = 64

[evaluate]
every = 2
best = "error"
"""
)


def test_best_is_a_model_folder_like_final(tmp_path, monkeypatch):
    from genkit.runs.trained_models.load import load

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    said = genkit("run", write_recipe(tmp_path, EVALUATED))
    assert said.code == 0, said.err
    best = Path("runs/0001-tiny-s0/best")
    step = step_of(best)
    assert f"best      {best}, step {step} by error" in said.out
    assert "evaluated   every 2 steps: modes, error; the best step by error is kept" in said.out
    assert "step 4/5  modes 0  error " in said.out
    assert load(best).latent_dim == 2
    assert genkit("sample", best).code == 0 and (best / "samples-raw-seed0.png").exists()
    lines = [json.loads(line) for line in Path("runs/0001-tiny-s0/evaluations.jsonl").read_text().splitlines()]
    (expected,) = (line["results"] for line in lines if line["step"] == step)
    evaluated = genkit("eval", best, "--json")
    assert evaluated.code == 0, evaluated.err
    assert json.loads(evaluated.out)["results"] == expected


def test_a_damaged_evaluation_log_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert genkit("run", write_recipe(tmp_path, EVALUATED), "-q").code == 0
    folder = RunFolder(tmp_path / "runs/0001-tiny-s0")
    (folder.final / "about.json").unlink()
    for content in ('{"step": 2}\n', "oh\n"):
        folder.evaluations.path.write_text(content)
        result = genkit("resume", folder.path, "-q")
        assert result.code == 2
        assert_names(result.err, folder.evaluations.path, "Delete it")
