"""A run that was trained with a negative weight, which is refused now: it is used as before, but not continued."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import TINY, genkit, refused, write_recipe
from support.messages import assert_names

import genkit as python
from genkit.errors import RecipeError, UsageError
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder

RECIPE = TINY.replace("[optimiser.encoder]", "beta_kl = -0.01\n\n[optimiser.encoder]", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Return a folder with a finished run and one that stopped after two steps, both of a negative weight."""
    root = tmp_path_factory.mktemp("negative")
    recipe = RECIPE + "\n[checkpoint]\nevery = 2\nkeep = 9\n"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("genkit.recipe.binding.bind.beyond_range", lambda part, hint: "")  # as it was
        done = genkit("run", write_recipe(root, recipe), "--runs", root / "runs", "-q")
    assert done.code == 0, done.err
    shutil.copytree(root / "runs" / "0001-tiny-s0", root / "runs" / "stopped")
    for path in (root / "runs" / "stopped").iterdir():
        if path.name in ("results.json", "final", "report.html"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for step in RunFolder(root / "runs" / "stopped").saved_steps()[1:]:
        shutil.rmtree(RunFolder(root / "runs" / "stopped").checkpoint(step))
    return root / "runs"


@pytest.mark.fast
@pytest.mark.parametrize(
    "change",
    [
        "loss.beta_kl=-1",
        "loss.beta_kl={use='linear', start=-1.0, stop=1.0}",
        "loss={use='soft-introvae', gamma_r=-1.0}",
        "loss={use='soft-introvae', warmup_steps=-1}",
    ],
)
def test_a_number_of_the_training_may_be_out_of_range_in_the_plan_of_a_trained_model_only(change, tmp_path):
    recipe = write_recipe(tmp_path, TINY)
    assert make_plan(recipe, overrides=[change], try_step=False, trained=True)
    with pytest.raises(RecipeError):
        make_plan(recipe, overrides=[change], try_step=False)


@pytest.mark.trains
def test_the_plan_of_a_trained_model_does_not_load_the_compiler_that_optimisers_load(tmp_path):
    program = (
        "import sys; from pathlib import Path; from genkit.recipe.plan import make_plan\n"
        "for trained in (True, False):\n"
        "    make_plan(Path(sys.argv[1]), try_step=False, trained=trained)\n"
        "    print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(write_recipe(tmp_path, TINY))], capture_output=True, text=True
    )
    assert done.stdout.split()[0] == "False", done.stderr


@pytest.mark.fast
@pytest.mark.parametrize(
    "change",
    [
        "model.width=0",
        "metrics.modes.samples=0",
        "loss.beta_kl='x'",
        "loss.beta_kl=true",
        "train.steps=0",
        "optimiser.encoder.lr=-1",
    ],
)
def test_other_mistakes_stay_mistakes(change, tmp_path):
    with pytest.raises(RecipeError):
        make_plan(write_recipe(tmp_path, TINY), overrides=[change], try_step=False, trained=True)
    with pytest.raises(UsageError, match="trained"):
        make_plan(write_recipe(tmp_path, TINY), trained="yes")  # type: ignore[arg-type]


@pytest.mark.trains
def test_a_finished_run_is_evaluated_drawn_exported_and_its_results_are_shown(trained, isolated):
    run = trained / "0001-tiny-s0"
    kept = json.loads((run / "results.json").read_text())
    assert json.loads(genkit("eval", run, "--json").out)["results"] == kept
    assert {label: result.value for label, result in python.evaluate(run).items()} == {
        result["label"]: result["value"] for result in kept
    }
    assert json.loads(genkit("resume", run, "--json").out)["results"] == kept
    assert python.resume(run, progress=False).state == "finished"
    (run / "report.html").unlink()
    for command in (
        ("figures", run),
        ("sample", run),
        ("report", run),
        ("export", run, "--out", "out"),
        ("eval", "out"),
    ):
        done = genkit(*command)
        assert done.code == 0, done.err
    assert " of 8" in (run / "report.html").read_text(encoding="utf-8")  # which the page has from the plan


@pytest.mark.trains
def test_a_stopped_run_is_not_continued_and_the_remedy_works(trained, isolated):
    run = trained / "stopped"
    assert genkit("eval", run).code == genkit("report", run).code == 0
    message = refused("resume", run)
    assert_names(message, "recipe.resolved.toml:", "[loss] beta_kl: found -0.01", f"{run}: ", "exported")
    with pytest.raises(UsageError, match="export"):
        python.resume(run, progress=False)
    export, start = [text.split()[1:] for text in re.findall(r"`([^`]*)`", message)]
    assert genkit(*export).code == 0
    done = genkit(*(argument.replace("VALUE", "0.01") for argument in start), "-q")
    assert done.code == 0, done.err


@pytest.mark.trains
def test_a_recipe_that_was_changed_afterwards_has_a_mistake_as_before(trained, tmp_path):
    run = shutil.copytree(trained / "stopped", tmp_path / "run")
    resolved = run / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace("-0.01", "-0.02"))
    message = refused("resume", run)
    assert "found -0.02" in message and "export" not in message
