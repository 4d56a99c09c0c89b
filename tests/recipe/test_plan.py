"""What a recipe's mistakes are answered with, and what a plan knows."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tomli_w
import torch
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.api import Autoencoder, Phase, PhaseLoss, Schedule
from genkit.errors import RecipeError, UsageError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use

GOOD = """\
title = "tiny"
seed = 3

[data]
use = "blob"

[model]
use = "tiny"

[loss]
use = "coupled"
warmup_steps = 4
[loss.weight]
use = "linear"
stop = 0.5

[optimiser.encoder]
use = "adam"
lr = { use = "cosine", start = 0.01 }

[optimiser.decoder]
use = "adamw"
lr = 0.01
clip_norm = 0.5

[train]
steps = 12
batch_size = 8

[ema]
decay = 0.9
"""


def problems_of(tmp_path: Path, text: str, *overrides: str, plugins: tuple[object, ...] = ()) -> list[str]:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        make_plan(path, overrides=overrides, registry=registry_with(*plugins))
    return [str(problem).replace(str(tmp_path) + "/", "") for problem in caught.value.problems]


def test_a_recipe_from_toml_equals_the_same_from_python(tmp_path):
    (tmp_path / "r.toml").write_text(GOOD)
    assert make_plan(tmp_path / "r.toml", registry=registry_with()).recipe == tiny_recipe()


def test_the_resolved_recipe_is_complete_and_plans_to_the_same(tmp_path):
    plan = tiny_plan()
    (tmp_path / "resolved.toml").write_text(tomli_w.dumps(dict(plan.resolved)))
    again = make_plan(tmp_path / "resolved.toml", registry=registry_with())
    assert again.resolved == plan.resolved
    assert (again.data, again.loss, again.optimisers) == (plan.data, plan.loss, plan.optimisers)
    assert plan.resolved["optimiser"]["encoder"]["betas"] == [0.9, 0.999]
    assert plan.resolved["loss"]["weight"] == {"use": "linear", "start": 0.0, "stop": 0.5, "begin": 0.0, "end": 1.0}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "warmup_steps",
            "warmup_stps",
            'r.toml:12 [loss] warmup_stps: unknown key of "coupled". Did you mean warmup_steps?',
        ),
        (
            "warmup_steps = 4",
            'warmup_steps = "4"',
            "r.toml:12 [loss] warmup_steps: found '4', expected a valid integer.",
        ),
        ('use = "blob"', 'use = "blub"', 'r.toml:5 [data] use: no data set is called "blub". Did you mean blob?'),
        ("[ema]", "[emma]", "r.toml:30 emma: unknown key of a recipe. Did you mean ema?"),
        ("decay = 0.9", "decay = 1.5", "r.toml:31 [ema] decay: found 1.5, expected less than 1."),
        ("steps = 12\n", "", "r.toml:26 train: says nothing of how long to train; give steps or epochs."),
        ("batch_size = 8", "", "r.toml:26 [train] batch_size: missing; [train] needs it, an integer > 0."),
        ("stop = 0.5", "begin = 1.0", "r.toml:13 [loss] weight: begin = 1.0 must be smaller than end = 1.0."),
        ("lr = 0.01\n", "", 'r.toml:21 [optimiser.decoder] lr: missing; "adamw" needs it, a number or a schedule.'),
        ("[optimiser.decoder]", "[optimiser.critic]", "optimiser.decoder: missing"),
        ('title = "tiny"', "title = 3", "r.toml:1 title: found 3, expected a valid string."),
        ('[data]\nuse = "blob"', "", "data: missing; a recipe needs it, a table."),
        ('[model]\nuse = "tiny"', '[model]\nuse = "tiny"\ndata_shape = [3]', "data_shape: is given by the data set"),
        (
            '[model]\nuse = "tiny"',
            "[model]",
            "r.toml:7 [model] use: names no part. Known models: introvae-conv, mlp, modern-conv, small-conv, tiny.",
        ),
        ('use = "linear"\nstop = 0.5', "use = 7", "r.toml:14 [loss.weight] use: names no part."),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_remedy(tmp_path, old, new, expected):
    assert old in GOOD
    problems = problems_of(tmp_path, GOOD.replace(old, new))
    told = "\n".join(problems).replace(" (genkit-torch-tiny 0.1.0)", "").replace(" (genkit-torch 0.1.0)", "")
    assert expected in told or expected.replace("optimiser.decoder", "[optimiser] decoder") in told


def test_the_plugin_that_says_so_is_named(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD.replace("warmup_steps", "warmup"))
    assert problem.endswith("(genkit-torch-tiny 0.1.0)")


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace("warmup_steps = 4", "warm = 4").replace("decay = 0.9", "decay = 2.0").replace('"blob"', '"b"')
    assert len(problems_of(tmp_path, text, "train.precision=fp8", "optimiser.encoder.betas=[1]")) == 5


def test_mistakes_of_keys_and_of_shapes_are_told_in_one_round(tmp_path):
    text = GOOD.replace("warmup_steps = 4", "warmup_steps = 4").replace("[optimiser.decoder]", "[optimiser.critic]")
    told = "\n".join(problems_of(tmp_path, text.replace("decay = 0.9", "decay = 9.0")))
    assert "optimiser] decoder: missing" in told and "critic: would do nothing" in told and "[ema] decay" in told


@pytest.mark.parametrize("override", ["lr=-1", "lr=nan", "betas=[0.9,1.0]", "lr.start=inf", "betas=[1]"])
def test_an_optimiser_that_cannot_be_is_told(tmp_path, override):
    assert "[optimiser" in "\n".join(problems_of(tmp_path, GOOD, f"optimiser.encoder.{override}"))


def test_each_mistake_is_told_once(tmp_path):
    assert len(problems_of(tmp_path, GOOD.replace('[data]\nuse = "blob"', "[data]"))) == 1


def test_an_override_that_is_wrong_is_placed_at_the_command_line(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD, "train.steps=many")
    assert problem == "--set [train] steps: found 'many', expected a valid integer."


def test_an_optimiser_that_would_do_nothing_is_an_error(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD + '[optimiser.critic]\nuse = "adam"\nlr = 0.1\n')
    assert "would do nothing" in problem and "r.toml:32" in problem


def test_a_schedule_takes_a_number_a_name_or_a_table():
    numbers = tiny_plan(loss=Use("coupled", weight=0.25)).loss
    name = tiny_plan(loss=Use("coupled", weight="linear")).loss
    assert (numbers.weight(0.5), name.weight(0.5)) == (0.25, 0.5)


def test_overrides_reach_a_recipe_in_python_and_may_take_a_key_out():
    overrides = ("train.steps=", "train.epochs=2", "data.use=numbered")
    assert make_plan(tiny_recipe(), overrides=overrides, registry=registry_with()).steps == 2 * (40 // 8)
    assert make_plan(tiny_recipe(), overrides="train.steps=7", registry=registry_with()).steps == 7
    assert make_plan(tiny_recipe().document().tables, registry=registry_with()).recipe == tiny_recipe()


def test_a_table_that_only_an_override_writes_is_placed_there(tmp_path):
    (problem,) = problems_of(tmp_path, GOOD.replace("[ema]\ndecay = 0.9", ""), "ema.decai=0.5")
    assert problem.startswith("--set [ema] decai: unknown key")
    (problem,) = problems_of(tmp_path, GOOD, "loss.divergence.bandwidth=0.3")
    assert problem.startswith('--set [loss] divergence: unknown key of "coupled"')


def test_a_number_needs_no_registered_constant():
    class Clash:
        genkit_hooks = 1

        @hookimpl
        def genkit_schedules(self):
            yield Entry("constant", "elsewhere:Constant", "", "")

    plan = make_plan(tiny_recipe(loss=Use("coupled", weight=0.25)), registry=registry_with(Clash()))
    assert plan.loss.weight(0.5) == 0.25


def test_training_on_the_test_split_is_remarked():
    plan = tiny_plan(data=Use("digits", split="test"), model=Use("small-conv"), loss=Use("vae"))
    assert "trains on the test split" in plan.dry_run.remarks[0]


def test_every_key_has_its_origin(tmp_path):
    (tmp_path / "r.toml").write_text(GOOD)
    plan = make_plan(tmp_path / "r.toml", overrides=("seed=5",), registry=registry_with())
    origin = {".".join(key.path): key.origin.replace(f"{tmp_path}/", "") for key in plan.keys}
    assert origin["seed"] == "--set"
    assert origin["train.steps"] == "r.toml:27"
    assert origin["train.precision"] == "default of [train]"
    assert origin["optimiser.decoder.weight_decay"] == 'default of "adamw" (genkit-torch 0.1.0)'


class Odd:
    """Parts that are wrong in ways only a plugin author can make."""

    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("vanishes", f"{__name__}:Vanishes", "", "")
        yield Entry("smooth", f"{__name__}:Smooth", "", "")
        yield Entry("late-coupling", f"{__name__}:LateCoupling", "", "")
        yield Entry("asks-a-critic", f"{__name__}:AsksACritic", "", "")
        yield Entry("misshapen", f"{__name__}:Misshapen", "", "")

    @hookimpl
    def genkit_models(self):
        yield Entry("no-model", f"{__name__}:NoModel", "", "")


@dataclass(frozen=True)
class Vanishes:
    def phases(self):
        return (Phase("only", ("encoder", "decoder"), self.loss),)

    def loss(self, model, batch):
        if model.latent_dim < 8:
            raise ValueError(f"the gradient vanishes at L = {model.latent_dim}")
        return PhaseLoss(model.decoder(batch.z).mean(), {})


@dataclass(frozen=True)
class AsksACritic(Vanishes):
    def phases(self):
        return (Phase("critic", ("critic",), self.loss),)


@dataclass(frozen=True)
class Smooth(Vanishes):
    def loss(self, model, batch):
        z = batch.z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(model.decoder(z).sum(), z, create_graph=True)
        return PhaseLoss(slope.square().mean() + model.encoder(batch.x).mu.mean(), {})


@dataclass(frozen=True)
class LateCoupling(Vanishes):
    weight: Schedule

    def loss(self, model, batch):
        q = model.encoder(batch.x)
        total = model.decoder(q.mu).mean() + q.logvar.mean()
        if self.weight(batch.t) > 0:
            total = total + batch.gather(q.mu).mean().square()
        return PhaseLoss(total, {})


@dataclass(frozen=True)
class Misshapen(Vanishes):
    how: str

    def loss(self, model, batch):
        total = model.decoder(model.encoder(batch.x).mu).square()
        returned = {
            "vector": PhaseLoss(total.mean(dim=1), {}),
            "number": PhaseLoss(3.0, {}),
            "detached": PhaseLoss(total.mean().detach(), {}),
            "float-term": PhaseLoss(total.mean(), {"rec": 1.0}),
            "vector-term": PhaseLoss(total.mean(), {"rec": total.detach()}),
            "attached-term": PhaseLoss(total.mean(), {"rec": total.mean()}),
            "bare": total.mean(),
        }
        return returned[self.how]


class NoModel:
    def __init__(self, *, data_shape: tuple[int, ...]):
        pass


def test_a_form_that_cannot_work_at_this_size_is_told_before_the_run(tmp_path):
    text = GOOD.replace(
        'use = "coupled"\nwarmup_steps = 4\n[loss.weight]\nuse = "linear"\nstop = 0.5', 'use = "vanishes"'
    )
    (problem,) = problems_of(tmp_path, text, plugins=(Odd(),))
    assert problem == "r.toml:10 loss: the gradient vanishes at L = 2 (genkit-torch-plugin0 2.0)"


def test_a_loss_that_trains_what_the_model_lacks_is_told(tmp_path):
    text = GOOD.replace(
        'use = "coupled"\nwarmup_steps = 4\n[loss.weight]\nuse = "linear"\nstop = 0.5', 'use = "asks-a-critic"'
    )
    problems = problems_of(tmp_path, text, plugins=(Odd(),))
    assert '"asks-a-critic" trains critic, but "tiny" has decoder and encoder.' in problems[0]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("vector", '"total": expected a scalar tensor that gradients reach, found a tensor of the shape (8,)'),
        ("number", '"total": expected a scalar tensor that gradients reach, found a float'),
        ("detached", '"total": expected a scalar tensor that gradients reach, found a tensor without a gradient'),
        ("float-term", '"rec": expected a detached scalar tensor, found a float'),
        ("vector-term", '"rec": expected a detached scalar tensor, found a tensor of the shape (8, 2)'),
        ("attached-term", '"rec": expected a detached scalar tensor, found attached to the graph: add .detach()'),
        ("bare", "returned a Tensor: return PhaseLoss(total, terms)"),
    ],
)
def test_what_a_loss_returns_is_checked_before_the_run(tmp_path, how, told):
    text = GOOD.replace(
        'use = "coupled"\nwarmup_steps = 4\n[loss.weight]\nuse = "linear"\nstop = 0.5',
        f'use = "misshapen"\nhow = "{how}"',
    )
    (problem,) = problems_of(tmp_path, text, plugins=(Odd(),))
    assert 'phase "only"' in problem and told in problem and "genkit-torch-plugin0 2.0" in problem


def test_a_model_that_is_none_is_told(tmp_path):
    problems = problems_of(tmp_path, GOOD.replace('use = "tiny"', 'use = "no-model"'), plugins=(Odd(),))
    assert "NoModel is not a genkit.api.Model" in problems[0]


def test_accumulation_of_coupled_samples_is_refused_unless_accepted():
    with pytest.raises(RecipeError, match='phase "encoder" couples the samples'):
        tiny_plan(train=Train(steps=2, batch_size=8, accumulate=2))
    assert tiny_plan(train=Train(steps=2, batch_size=8, accumulate=2, inexact_accumulation=True))


def test_a_metric_of_averaged_weights_needs_an_average():
    with pytest.raises(RecipeError, match=r"\[metrics.modes\] weights"):
        tiny_plan(data=Use("8-gaussians"), ema=None, metrics={"modes": Use("modes", weights="ema")})


def test_epochs_of_an_endless_data_set_are_refused():
    with pytest.raises(UsageError, match="never ends"):
        _ = tiny_plan(train=Train(epochs=2, batch_size=8)).steps


def test_the_rehearsal_counts_what_torch_counts():
    plan = tiny_plan(loss=Use("vae"), data=Use("blob"))
    # Forward: encoder 2→4 and decoder 2→8→2, two operations a weight and sample. Backward: twice that for what needs
    # the gradient of its input and its weights; the encoder's first layer needs only that of its weights.
    encoder, decoder = 2 * 8 * (2 * 4), 2 * 8 * (2 * 8 + 8 * 2)
    assert plan.dry_run.costs["vae"].flops == encoder * 2 + decoder * 3
    assert plan.dry_run.parameters == {"encoder": 12, "decoder": 24 + 18}
    assert not plan.dry_run.costs["vae"].couples_samples


def test_a_loss_that_differentiates_within_can_be_rehearsed(tmp_path):
    text = GOOD.replace(
        'use = "coupled"\nwarmup_steps = 4\n[loss.weight]\nuse = "linear"\nstop = 0.5', 'use = "smooth"'
    )
    (tmp_path / "r.toml").write_text(text)
    assert make_plan(tmp_path / "r.toml", registry=registry_with(Odd())).dry_run.costs["only"].flops > 0


def test_a_schedule_that_switches_coupling_on_late_is_noticed():
    loss = Use("late-coupling", weight={"use": "linear", "begin": 0.5})
    plan = make_plan(tiny_recipe(loss=loss), registry=registry_with(Odd()))
    assert plan.dry_run.costs["only"].couples_samples


def test_a_plan_builds_its_model_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(tiny_plan().build_model(), Autoencoder)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_absent_are_unmet(tmp_path):
    plan = tiny_plan(train=Train(steps=2, batch_size=8, warm_start=tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere is no finished run"):
        plan.check_met()


def test_recipes_are_values():
    assert tiny_recipe() == tiny_recipe()
    assert replace(tiny_recipe(), ema=EMA(0.5)) != tiny_recipe()
    assert isinstance(tiny_recipe(), Recipe)
