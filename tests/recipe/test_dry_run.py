"""The dry run: what it finds wrong before a run, and what it counts."""

import warnings
from dataclasses import dataclass

import pytest
from support.faulty_parts import GOOD, FaultyPlugin, Misses, problems_of, with_loss
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Train, Use
from genkit.recipe.trial import costs, network_on_meta

PLUGIN = "genkit-torch-plugin0 2.0"


def faulty_plan(**changes):
    return make_plan(tiny_recipe(**changes), registry=registry_with(FaultyPlugin()))


# Mistakes


def test_a_loss_that_cannot_work_at_this_latent_size_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, with_loss('use = "vanishes"'))
    assert (problem.place.line, problem.place.path, problem.owner) == (10, ("loss",), PLUGIN)
    assert problem.text == "the gradient vanishes at L = 2"


def test_an_exception_of_a_loss_is_reported_with_the_parts_that_it_uses(tmp_path):
    (problem,) = problems_of(tmp_path, with_loss('use = "crashes"\nweight = "linear"'))
    assert (problem.place.path, problem.owner) == (("loss",), PLUGIN)
    assert_names(problem.text, "RuntimeError: out of ideas", "linear", "genkit-torch 0.1.0")


def test_a_loss_that_trains_a_child_which_the_model_lacks_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, with_loss('use = "asks-a-critic"'))
    assert problem.place.path == ("model", "use")
    assert_names(problem.text, '"asks-a-critic"', "faulty_parts.py", "critic", '"tiny"', "decoder and encoder")


@pytest.mark.parametrize(("child", "meant"), [("decodr", "decoder"), ("enncoder", "encoder"), ("priro", "prior")])
def test_a_wrong_name_of_a_child_is_one_problem_of_the_loss_with_the_name_that_is_meant(tmp_path, child, meant):
    (problem,) = problems_of(tmp_path, with_loss(f'use = "misspells"\nchild = "{child}"'))
    assert (problem.place.path, problem.owner) == (("loss",), PLUGIN)
    assert_names(problem.text, "faulty_parts.py, line", '"both"', child, "decoder and encoder", f"mean {meant}?")


def test_a_wrong_name_of_a_learnt_prior_is_one_problem(tmp_path):
    prior = '[model.prior]\nuse = "mixture"\ncomponents = 3\nlearnt = true\n[optimiser.prior]\nuse = "adam"\nlr = 0.1\n'
    (problem,) = problems_of(tmp_path, with_loss('use = "misspells"\nchild = "priro"') + prior)
    assert problem.place.path == ("loss",)
    assert_names(problem.text, "decoder, encoder and prior", "Did you mean prior?")


def test_an_optimiser_of_a_child_that_is_not_trained_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD + '[optimiser.critic]\nuse = "adam"\nlr = 0.1\n')
    assert (problem.place.line, problem.place.path) == (32, ("optimiser", "critic"))
    assert_names(problem.text, "no effect", '"coupled"', "decoder and encoder")


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("vector", ('"total"', "with a gradient", "shape (8,)")),
        ("number", ('"total"', "with a gradient", "float")),
        ("detached", ('"total"', "without a gradient")),
        ("float-term", ('"rec"', "detached", "float")),
        ("vector-term", ('"rec"', "detached", "shape (8, 2)")),
        ("attached-term", ('"rec"', "detached", ".detach()")),
        ("bare", ("a Tensor", "PhaseLoss(total, terms)")),
    ],
)
def test_what_a_loss_returns_is_checked(tmp_path, how, names):
    (problem,) = problems_of(tmp_path, with_loss(f'use = "misshapen"\nhow = "{how}"'))
    assert (problem.place.path, problem.owner) == (("loss",), PLUGIN)
    assert_names(problem.text, 'phase "only"', *names)


def test_a_class_that_is_not_a_model_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD.replace('use = "tiny"', 'use = "no-model"'))
    assert problem.place.path == ("model",)
    assert_names(problem.text, "NoModel", "genkit.api.Model")


def test_accumulation_of_coupled_samples_is_refused_unless_accepted():
    with pytest.raises(RecipeError) as refused:
        tiny_plan(train=Train(steps=2, batch_size=8, accumulate=2))
    (problem,) = refused.value.problems
    assert problem.place.path == ("train", "accumulate")
    assert_names(problem.text, 'phase "encoder" couples the samples', "inexact_accumulation = true")
    assert tiny_plan(train=Train(steps=2, batch_size=8, accumulate=2, inexact_accumulation=True))


def test_a_metric_of_ema_weights_needs_ema():
    with pytest.raises(RecipeError) as refused:
        tiny_plan(data=Use("8-gaussians"), ema=None, metrics={"modes": Use("modes", weights="ema")})
    (problem,) = refused.value.problems
    assert problem.place.path == ("metrics", "modes", "weights")
    assert_names(problem.text, "[ema]")


def test_without_a_step_only_what_a_step_shows_is_left_out(tmp_path):
    (tmp_path / "r.toml").write_text(with_loss('use = "vanishes"'))
    plan = make_plan(tmp_path / "r.toml", registry=registry_with(FaultyPlugin()), try_step=False)
    assert not plan.dry_run.costs and plan.dry_run.parameters
    with pytest.raises(RecipeError):
        make_plan(tmp_path / "r.toml", overrides=["optimiser.encoder.lr=-1"], registry=registry_with(FaultyPlugin()))


# What is counted


def test_the_dry_run_counts_what_torch_counts():
    plan = tiny_plan(loss=Use("vae"), data=Use("blob"))
    # Forward: encoder 2→4 and decoder 2→8→2, two operations a weight and sample. Backward: twice that for what needs
    # the gradient of its input and its weights; the encoder's first layer needs only that of its weights.
    encoder, decoder = 2 * 8 * (2 * 4), 2 * 8 * (2 * 8 + 8 * 2)
    assert plan.dry_run.costs["vae"].flops == encoder * 2 + decoder * 3
    assert plan.dry_run.parameters == {"encoder": 12, "decoder": 24 + 18}
    assert not plan.dry_run.costs["vae"].couples_samples
    assert (plan.dry_run.costs["vae"].updated, plan.dry_run.costs["vae"].unreached) == (6, ())


def test_a_loss_that_differentiates_within_can_be_tried():
    assert faulty_plan(loss=Use("smooth")).dry_run.costs["only"].flops > 0


def test_a_schedule_that_turns_coupling_on_late_is_noticed():
    plan = faulty_plan(loss=Use("late-coupling", weight={"use": "linear", "begin": 0.5}))
    assert plan.dry_run.costs["only"].couples_samples


# Remarks


def test_parameters_that_a_phase_does_not_reach_are_remarked_once():
    plan = faulty_plan(loss=Use("misses"))
    assert (plan.dry_run.costs["only"].updated, plan.dry_run.costs["only"].unreached) == (
        6,
        ("encoder.linear.weight", "encoder.linear.bias"),
    )
    (remark,) = plan.dry_run.remarks
    assert_names(remark, 'phase "only"', "2 of the 6 tensors", "encoder.linear.weight, encoder.linear.bias")


@dataclass(frozen=True)
class Warns(Misses):
    def loss(self, model, batch):
        warnings.warn("a word of caution", stacklevel=1)
        return super().loss(model, batch)


class WarningPlugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("warns", f"{__name__}:Warns", "", "")


def test_the_warnings_of_a_step_are_remarked():
    plan = make_plan(tiny_recipe(loss=Use("warns")), registry=registry_with(WarningPlugin()))
    assert plan.dry_run.remarks.count("a word of caution") == 1  # the phase is tried twice
    assert any("2 of the 6 tensors" in remark for remark in plan.dry_run.remarks)


def test_training_on_the_test_split_is_remarked():
    plan = tiny_plan(data=Use("digits", split="test"), model=Use("small-conv"), loss=Use("vae"))
    assert_names(plan.dry_run.remarks[0], "test split")


def test_a_learning_rate_of_0_is_remarked():
    def remarked(**lr):
        plan = tiny_plan(optimiser={c: Use("adam", lr=lr.get(c, 1e-3)) for c in ("encoder", "decoder")})
        return [remark for remark in plan.dry_run.remarks if "learning rate" in remark]

    assert remarked() == remarked(decoder=Use("cosine", start=1e-3, stop=0.0)) == []
    (remark,) = remarked(decoder=0.0)
    assert_names(remark, "[optimiser.decoder]")
    assert remarked(encoder=Use("cosine", start=0.0, stop=0.0))


# Sizes that would not end


def test_a_network_of_too_many_layers_is_refused_while_it_is_built(monkeypatch):
    monkeypatch.setattr(network_on_meta, "MOST_TENSORS", 20)
    assert tiny_plan(loss=Use("vae"), model=Use("mlp", layers=2))
    with pytest.raises(RecipeError) as refused:
        tiny_plan(loss=Use("vae"), model=Use("mlp", layers=10))
    (problem,) = refused.value.problems
    assert problem.place.path == ("model",)
    assert_names(problem.text, "20 parameter tensors", "layers")


def test_a_step_of_too_many_operations_is_refused(monkeypatch):
    assert tiny_plan()
    monkeypatch.setattr(costs, "MOST_OPERATIONS", 20)
    with pytest.raises(RecipeError) as refused:
        tiny_plan()
    (problem,) = refused.value.problems
    assert problem.place.path == ("loss",)
    assert_names(problem.text, "20 operations", "batch_size")


# One message for one mistake


def test_a_batch_that_does_not_divide_is_reported_alone():
    with pytest.raises(RecipeError) as refused:
        tiny_plan(train=Train(steps=12, batch_size=8, accumulate=3))
    (problem,) = refused.value.problems
    assert_names(problem, "[train] accumulate", "batch_size = 8", "3")


def test_optimisers_are_not_missing_where_their_table_is_wrong():
    with pytest.raises(RecipeError) as refused:
        make_plan(tiny_recipe(), overrides=["optimiser=3"], registry=registry_with())
    (problem,) = refused.value.problems
    assert_names(problem, "--set optimiser", "found 3")


def test_missing_files_of_both_splits_are_one_message():
    plan = make_plan(
        tiny_recipe(data=Use("mnist", path="nowhere"), model=Use("small-conv"), loss=Use("vae")),
        registry=registry_with(),
    )
    (message,) = plan.unmet
    assert_names(message, "nowhere", "train-images", "t10k-images")
    assert message.count("hub =") == 1


@pytest.mark.parametrize("size", [10**18, 9 * 10**18])
def test_a_batch_that_is_too_large_to_be_tried_is_a_mistake_of_its_size(size):
    with pytest.raises(RecipeError) as refused:
        tiny_plan(train=Train(steps=4, batch_size=size))
    (problem,) = refused.value.problems
    assert problem.place.path == ("train", "batch_size") and not problem.owner
    assert_names(problem.text, f"{size:,}", "accumulate")


def test_a_step_that_is_too_long_is_a_mistake_of_the_batch_only_if_a_smaller_one_is_not(monkeypatch):
    places = []
    for most, size in ((3, 10_000), (3, 16)):
        monkeypatch.setattr(costs, "MOST_OPERATIONS", most)
        with pytest.raises(RecipeError) as refused:
            tiny_plan(train=Train(steps=4, batch_size=size))
        places += [problem.place.path for problem in refused.value.problems]
    assert places == [("loss",), ("loss",)]


def test_a_loss_of_many_operations_for_each_sample_is_refused_at_the_batch(monkeypatch):
    class PerSample(costs._FlopCount):
        """Count as if each operation took one for each sample."""

        def seen(self, operation, args, kwargs, out):
            self.operations += max((len(each) for each in args if hasattr(each, "shape") and each.dim()), default=0)
            super().seen(operation, args, kwargs, out)

    monkeypatch.setattr(costs, "_FlopCount", PerSample)
    with pytest.raises(RecipeError) as refused:
        tiny_plan(train=Train(steps=4, batch_size=200_000))
    assert [problem.place.path for problem in refused.value.problems] == [("train", "batch_size")]
