"""Mistakes in the tables of a recipe: each is reported with its place, its remedy and its owner."""

import pytest
from support.faulty_parts import GOOD, problems_of
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use


def place_of(problem):
    return problem.place.line, ".".join(problem.place.path)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "names"),
    [
        (
            "warmup_steps",
            "warmup_stps",
            12,
            "loss.warmup_stps",
            ('unknown key of "coupled". Did you mean warmup_steps?',),
        ),
        ("warmup_steps = 4", 'warmup_steps = "4"', 12, "loss.warmup_steps", ('"4"', "an integer")),
        ('use = "blob"', 'use = "blub"', 5, "data.use", ('unknown data set "blub"', "Did you mean blob?")),
        ("[ema]", "[emma]", 30, "emma", ("unknown key of a recipe. Did you mean ema?",)),
        ("decay = 0.9", "decay = 1.5", 31, "ema.decay", ("1.5", "< 1")),
        ("decay = 0.9", "decay = nan", 31, "ema.decay", ("nan", "finite")),
        ("steps = 12\n", "", 26, "train", ("neither steps nor epochs",)),
        ("batch_size = 8", "", 26, "train.batch_size", ("missing", "[train]", "a positive integer")),
        ("stop = 0.5", "begin = 1.0", 13, "loss.weight", ("begin = 1.0", "end = 1.0")),
        ("lr = 0.01\n", "", 21, "optimiser.decoder.lr", ("missing", '"adamw"', "a number >= 0, or a schedule")),
        ("[optimiser.decoder]", "[optimiser.critic]", 17, "optimiser.decoder", ("missing", '"coupled"')),
        ('title = "tiny"', "title = 3", 1, "title", ("found 3", "a string")),
        ('[data]\nuse = "blob"', "", None, "data", ("missing", "a table")),
        ('[model]\nuse = "tiny"', '[model]\nuse = "tiny"\ndata_shape = [3]', 9, "model.data_shape", ("the data set",)),
        (
            '[model]\nuse = "tiny"',
            "[model]",
            7,
            "model.use",
            ("missing", "Known models: conditional, introvae-conv, mlp, modern-conv, no-model, small-conv, tiny."),
        ),
        ('use = "linear"\nstop = 0.5', "use = 7", 14, "loss.weight.use", ("found 7", "Known schedules: constant,")),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_its_remedy(tmp_path, old, new, line, key, names):
    assert old in GOOD
    problems = problems_of(tmp_path, GOOD.replace(old, new))
    (problem,) = [problem for problem in problems if place_of(problem) == (line, key)]
    assert problem.place.file == str(tmp_path / "r.toml")
    assert_names(problem.text, *names)


def test_the_plugin_whose_part_refuses_is_named(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD.replace("warmup_steps", "warmup"))
    assert problem.owner == "genkit-torch-tiny 0.1.0"
    assert str(problem).endswith("(genkit-torch-tiny 0.1.0)")


def test_all_mistakes_are_reported_at_once(tmp_path):
    text = GOOD.replace("warmup_steps = 4", "warm = 4").replace("decay = 0.9", "decay = 2.0").replace('"blob"', '"b"')
    problems = problems_of(tmp_path, text, "train.precision=fp8", "optimiser.encoder.betas=[1]")
    keys = {".".join(problem.place.path) for problem in problems}
    assert keys == {"ema.decay", "train.precision", "data.use", "loss.warm", "optimiser.encoder.betas"}
    assert len(problems) == 5


def test_mistakes_of_keys_and_of_the_dry_run_are_reported_together(tmp_path):
    text = GOOD.replace("[optimiser.decoder]", "[optimiser.critic]").replace("decay = 0.9", "decay = 9.0")
    keys = [".".join(problem.place.path) for problem in problems_of(tmp_path, text)]
    assert keys == ["ema.decay", "optimiser.decoder", "optimiser.critic"]


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("lr=-1", "optimiser.encoder.lr"),
        ("lr=nan", "optimiser.encoder.lr"),
        ("betas=[0.9,1.0]", "optimiser.encoder.betas"),
        ("lr.start=inf", "optimiser.encoder.lr.start"),
        ("betas=[1]", "optimiser.encoder.betas"),
    ],
)
def test_bad_arguments_of_an_optimiser_are_refused(tmp_path, override, key):
    (problem,) = problems_of(tmp_path, GOOD, f"optimiser.encoder.{override}")
    assert ".".join(problem.place.path) == key


def test_each_mistake_is_reported_once(tmp_path):
    assert len(problems_of(tmp_path, GOOD.replace('[data]\nuse = "blob"', "[data]"))) == 1


def test_a_wrong_override_is_placed_at_the_command_line(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD, "train.steps=many")
    assert str(problem).startswith("--set [train] steps: ")
    assert_names(problem.text, '"many"', "a positive integer")


def test_a_table_that_only_an_override_writes_is_placed_at_the_command_line(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD.replace("[ema]\ndecay = 0.9", ""), "ema.decai=0.5")
    assert str(problem).startswith("--set [ema] decai: unknown key")
    (problem,) = problems_of(tmp_path, GOOD, "loss.divergence.bandwidth=0.3")
    assert str(problem).startswith('--set [loss] divergence: unknown key of "coupled"')


def test_a_schedule_takes_a_number_a_name_or_a_table():
    number = tiny_plan(loss=Use("coupled", weight=0.25)).loss
    name = tiny_plan(loss=Use("coupled", weight="linear")).loss
    table = tiny_plan(loss=Use("coupled", weight={"use": "linear", "stop": 0.5})).loss
    assert (number.weight(0.5), name.weight(0.5), table.weight(0.5)) == (0.25, 0.5, 0.25)


def test_a_number_needs_no_registered_constant():
    class Clash:
        genkit_hooks = 1

        @hookimpl
        def genkit_schedules(self):
            yield Entry("constant", "elsewhere:Constant", "", "")

    plan = make_plan(tiny_recipe(loss=Use("coupled", weight=0.25)), registry=registry_with(Clash()))
    assert plan.loss.weight(0.5) == 0.25


def test_a_part_without_keys_says_that_it_has_none():
    from genkit.runs.trained_models.build_parts import build_score

    with pytest.raises(RecipeError) as caught:
        build_score("features", ["score.drws=3"])
    assert_names(caught.value, "--set [score] drws", '"features"', "no keys")
