"""Mistakes of a space, by itself and with its recipe: all are found before anything is trained or written."""

from dataclasses import replace

import pytest
from support.messages import assert_names
from support.searches import RECIPE, SPACE, plan_in

from genkit.errors import RecipeError, UsageError
from genkit.parts.metrics.modes import Modes

BETA = "low = 0.01\nhigh = 10.0\nlog = true"
GRID = ('sampler = "tpe"', 'sampler = "grid"')
NO_TRIALS = ("trials = 14\n", "")
STEP = ("log = true", "log = true\nstep = 10")

# name: (changes of the space, the key that has the problem, what the message names)
MISTAKES = {
    "unknown-key": ([("beta_kl", "bta_kl")], "[keys] loss.bta_kl", ["beta_kl", "unknown key"]),
    "absent-table": ([("loss.beta_kl", "ema.decay")], "[keys] ema.decay", ["[ema]"]),
    "below-a-number": ([("loss.beta_kl", "optimiser.encoder.lr.value")], "[keys.optimiser", ["1e-3"]),
    "refused-by-the-part": ([("low = 8", "low = 0")], "[keys.model.width] low", ["0"]),
    "refused-value": ([(BETA, 'values = [1.0, "much"]')], "[keys.loss.beta_kl] values", ["much"]),
    "unknown-label": ([('"modes"', '"mode"')], "metric", ["modes"]),
    "other-direction": ([("seeds", 'direction = "lower"\nseeds')], "direction", ["higher"]),
    "metric-is-searched": ([("loss.beta_kl", "metrics.modes.samples")], "[keys] metrics.modes.samples", ["compared"]),
    "data-are-searched": ([("loss.beta_kl", "data.scale")], "[keys] data.scale", ["compared"]),
    "seed-is-searched": ([("loss.beta_kl", "seed")], "[keys] seed", []),
    "without-weight": ([("loss.beta_kl", "report.draw_every")], "[keys] report.draw_every", ["no weight"]),
    "grid-of-log": ([GRID, NO_TRIALS], "[keys] loss.beta_kl", ["step"]),
    "grid-of-floats": ([GRID, NO_TRIALS, ("log = true", "")], "[keys] loss.beta_kl", ["step"]),
    "grid-with-trials": ([GRID, STEP], "trials", ["14", "12"]),
    "log-with-step": ([STEP], "[keys.loss.beta_kl] step", ["log"]),
    "log-of-zero": ([("low = 0.01", "low = 0.0")], "[keys.loss.beta_kl] low", ["0.0"]),
    "factor-that-misses": (
        [GRID, NO_TRIALS, ("log = true", "log = true\nstep = 3")],
        "[keys.loss.beta_kl] step",
        ["7.29"],
    ),
    "factor-beyond": (
        [GRID, NO_TRIALS, ("log = true", "log = true\nstep = 2000")],
        "[keys.loss.beta_kl] step",
        ["1000"],
    ),
    "factor-of-one": ([GRID, NO_TRIALS, ("log = true", "log = true\nstep = 1")], "[keys.loss.beta_kl] step", ["1"]),
    "step-that-misses": ([("high = 24", "high = 25")], "[keys.model.width] step", ["24"]),
    "step-of-zero": ([("step = 8", "step = 0")], "[keys.model.width] step", ["0"]),
    "step-is-no-integer": ([("step = 8", "step = 0.5")], "[keys.model.width] step", ["0.5"]),
    "high-below-low": ([("high = 10.0", "high = 0.001")], "[keys.loss.beta_kl] high", ["0.001", "0.01"]),
    "integer-and-float": ([("high = 10.0", "high = 10")], "[keys.loss.beta_kl] low", ["10.0", "whole numbers"]),
    "only-low": ([("high = 10.0\n", "")], "[keys] loss.beta_kl", ["high"]),
    "range-and-values": ([("step = 8", "values = [8]")], "[keys.model.width] low", ["values"]),
    "value-twice": ([(BETA, "values = [1.0, 2.0, 1.0]")], "[keys.loss.beta_kl] values", ["1.0"]),
    "one-value": ([(BETA, "values = [1.0]")], "[keys.loss.beta_kl] values", ["two"]),
    "two-keys-set-one": ([("step = 8", 'step = 8\nalso = ["loss.beta_kl"]')], "[keys] model.width", ["loss.beta_kl"]),
    "no-trials": ([NO_TRIALS], "trials", ["trials = 20"]),
    "no-seeds": ([("seeds = [3, 4]", "seeds = []")], "seeds", []),
    "seed-twice": ([("seeds = [3, 4]", "seeds = [3, 3]")], "seeds", ["3"]),
    "unknown-sampler": ([("tpe", "bayes")], "sampler", ["bayes"]),
    "key-without-quotes": ([('"loss.beta_kl"', "loss.beta_kl")], "[keys.loss] beta_kl", ['[keys."loss.beta_kl"]']),
    "no-keys": ([(SPACE[SPACE.index("[keys") :], "[keys]")], "keys", []),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_at_its_line(tmp_path, name):
    changes, key, names = MISTAKES[name]
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, *changes)
    assert caught.value.exit_code == 2
    places = [str(problem.place) for problem in caught.value.problems]
    assert any(place.startswith(f"{tmp_path / 'space.toml'}") and key in place for place in places), places
    assert_names(caught.value, *names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["space.toml", "tiny.toml"]


def test_a_pruner_needs_evaluations_of_the_metric(tmp_path):
    pruned = [("seeds", 'pruner = "median"\nseeds')]
    plan_in(tmp_path, *pruned)
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, *pruned, recipe=RECIPE.partition("[evaluate]")[0])
    assert_names(caught.value, "space.toml", "pruner", "[evaluate]")
    other = RECIPE + 'metrics = ["fit"]\n[metrics.fit]\nuse = "reference-kl"\nsamples = 100\n'
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, *pruned, recipe=other)
    assert_names(caught.value, "space.toml", "pruner", "modes")


def test_a_metric_without_a_direction_needs_one(tmp_path):
    recipe = RECIPE + "[metrics.posterior-kl]\nsamples = 100\n"
    changes = [('"modes"', '"posterior-kl"')]
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, *changes, recipe=recipe)
    assert_names(caught.value, "direction", "lower", "higher")
    directed = [*changes, ("seeds", 'direction = "lower"\nseeds')]
    assert plan_in(tmp_path, *directed, recipe=recipe).better == "lower"


def test_a_key_that_is_also_an_override_is_refused(tmp_path):
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, overrides=["model.width=8"])
    assert_names(caught.value, "model.width=8", "[keys] model.width")


def test_a_key_that_changes_the_protocol_is_refused(tmp_path, monkeypatch):
    protocol = Modes.protocol

    def of_latent_dim(metric, data, model):
        of_data = protocol(metric, data, model)
        return replace(of_data, details={**of_data.details, "latent dimensions": model.latent_dim})

    monkeypatch.setattr(Modes, "protocol", of_latent_dim)
    assert plan_in(tmp_path).better == "higher"
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, ("model.width", "model.latent_dim"))
    assert_names(caught.value, "[keys.model.latent_dim] high", "modes", "latent dimensions 24")


def test_what_only_one_key_can_cause_is_refused_wherever_it_is_found(tmp_path):
    """Micro-batches that do not divide the batch are found at [train] accumulate, which the recipe has not written."""
    only = (SPACE[SPACE.index("[keys") :], '[keys."train.batch_size"]\nvalues = [16, 18]\n')
    with pytest.raises(RecipeError) as caught:
        plan_in(tmp_path, only, overrides=["train.accumulate=8"])
    assert_names(caught.value, "[keys.train.batch_size] values", "18", "accumulate")


@pytest.mark.parametrize(
    "text", [RECIPE, 'title = "t"\n[rows.a]\n[columns.b]\nrecipe = "r.toml"\n'], ids=["recipe", "table"]
)
def test_another_file_is_refused_as_a_space(tmp_path, text):
    with pytest.raises(UsageError, match="expected a space"):
        plan_in(tmp_path, (SPACE, text))


def test_also_sets_further_keys_and_an_empty_text_removes_one(tmp_path):
    plan = plan_in(
        tmp_path,
        ("loss.beta_kl", "optimiser.encoder.lr"),
        ("log = true", 'log = true\nalso = ["optimiser.decoder.lr"]'),
        ("low = 8\nhigh = 24\nstep = 8", 'values = ["", 24]'),
    )
    trial = plan.plan_trial({"optimiser.encoder.lr": 0.02, "model.width": ""})
    assert trial.resolved["optimiser"]["encoder"]["lr"] == trial.resolved["optimiser"]["decoder"]["lr"] == 0.02
    assert trial.resolved["model"]["width"] == 256  # the default of mlp, not the 16 of the recipe
