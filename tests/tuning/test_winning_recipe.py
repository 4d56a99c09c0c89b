"""The winning recipe: the text of the given one, with nothing changed but the searched keys."""

import difflib

import pytest
from support.searches import RECIPE, plan_in

from genkit.recipe.plan import make_plan
from genkit.tuning.study import TrialRecord
from genkit.tuning.winning_recipe import write_winning_recipe

COMMENTED = "# first line\n" + RECIPE.replace("width = 16", "width = 16   # narrow").replace(
    "lr = 1e-3", "lr=1e-3 # lr"
)


def winner(**params):
    return TrialRecord(3, params, "complete", 7.0, {})


def write(folder, plan, remark="found", **params):
    file = folder / "best.toml"
    write_winning_recipe(file, plan, winner(**params), remark)
    return file


def test_only_the_searched_lines_change(tmp_path):
    plan = plan_in(tmp_path, ("loss.beta_kl", "optimiser.encoder.lr"), recipe=COMMENTED)
    params = {"optimiser.encoder.lr": 0.5, "model.width": 24}
    text = write(tmp_path, plan, **params).read_text()
    assert text.startswith("# found\n\n# first line\n")
    removed = [line for line in difflib.ndiff(COMMENTED.split("\n"), text.split("\n")) if line.startswith("- ")]
    added = [line for line in difflib.ndiff(COMMENTED.split("\n"), text.split("\n")) if line.startswith("+ ")]
    assert removed == ["- width = 16   # narrow", "- lr=1e-3 # lr"]
    assert added == ["+ # found", "+ ", "+ width = 24   # narrow", "+ lr=0.5 # lr"]


LAYOUTS = {
    "as-written": RECIPE,
    "dotted": RECIPE.replace('[model]\nuse = "mlp"\nwidth = 16', "").replace(
        'title = "tiny"', 'title = "tiny"\nmodel.use = "mlp"\nmodel.width = 16'
    ),
    "inline": RECIPE.replace('[model]\nuse = "mlp"\nwidth = 16', "").replace(
        'title = "tiny"', 'title = "tiny"\nmodel = { use = "mlp", width = 16 }'
    ),
    "short": RECIPE.replace('[loss]\nuse = "vae"', "").replace('title = "tiny"', 'title = "tiny"\nloss = "vae"'),
    "windows": "\ufeff" + RECIPE.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_the_plan_of_the_trial_however_the_recipe_is_laid_out(tmp_path, layout):
    plan = plan_in(tmp_path, recipe=LAYOUTS[layout], overrides=["train.steps=7"])
    params = {"loss.beta_kl": 0.125, "model.width": 24}
    written = make_plan(write(tmp_path, plan, **params))
    assert written.resolved == plan.plan_trial(params).resolved
    assert written.resolved["train"]["steps"] == 7


def test_a_removed_key_and_a_list_are_written(tmp_path):
    plan = plan_in(
        tmp_path,
        ("low = 8\nhigh = 24\nstep = 8", 'values = ["", 24]'),
        ("loss.beta_kl", "optimiser.encoder.betas"),
        ("low = 0.01\nhigh = 10.0\nlog = true", "values = [[0.5, 0.9], [0.9, 0.999]]"),
        recipe=COMMENTED,
    )
    kept = next(iter(plan.axes[0].choices()))
    written = make_plan(write(tmp_path, plan, **{"model.width": "", "optimiser.encoder.betas": kept}))
    assert written.resolved["optimiser"]["encoder"]["betas"] == [0.5, 0.9]
    text = (tmp_path / "best.toml").read_text()
    assert "width" not in text
    assert "# first line" in text  # it is the given text, and not the tables written again


@pytest.mark.parametrize(
    "remark", ["two\nlines", "a\rreturn", "a\r\nreturn", "zero \0, bell \a, delete \x7f", "tab\tand\x85next"]
)
def test_any_title_becomes_a_comment(tmp_path, remark):
    plan, params = plan_in(tmp_path), {"loss.beta_kl": 0.125, "model.width": 24}
    written = write(tmp_path, plan, remark, **params)
    assert make_plan(written).resolved == plan.plan_trial(params).resolved
    text = written.read_text()
    assert text.index('title = "tiny"') > 0
    assert all(line.startswith("# ") for line in text.partition("\n\n")[0].split("\n"))
