"""Actions of a loss in the loop: their place, their steps, resume, micro-batches, processes, and their mistakes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
import torch
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_parts import Acting, TinyAutoencoder, registry_with
from support.tiny_recipes import tensors_of, tiny_recipe, train_all
from support.two_processes import OneOfTwo

from genkit.api import VAE, Action, Batch, Phase, PhaseLoss
from genkit.console.output import Console
from genkit.core.loss import turns_of
from genkit.engine.actions import Actions
from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import initial_state
from genkit.engine.threads import Threads
from genkit.engine.workers import choose_workers
from genkit.errors import PartFailed, RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Checkpoint, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.plan_report import plan_as_dict, print_plan
from genkit.testing import batch_of, take_step

SEEN: list[str] = []


@dataclass(frozen=True)
class Ordered:
    """Two phases and four actions that record when they are called."""

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("first", ("encoder",), self.loss("first")),
            Phase("second", ("decoder",), self.loss("second"), every=2),
        )

    def actions(self) -> tuple[Action, ...]:
        return (
            Action("end", self.do("end")),
            Action("middle", self.do("middle"), before="second", start=1),
            Action("also middle", self.do("also middle"), before="second", every=3),
            Action("start", self.do("start"), before="first", stop=2),
        )

    def loss(self, name: str) -> Any:
        def loss(model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
            SEEN.append(name)
            return PhaseLoss((model.decoder(model.encoder(batch.x).mu) - batch.x).square().mean(), {})

        return loss

    def do(self, name: str) -> Any:
        def do(model: TinyAutoencoder, batch: Batch) -> None:
            assert not torch.is_grad_enabled()
            SEEN.append(name)

        return do


@dataclass(frozen=True)
class Mistaken(VAE):
    """A loss whose action has one mistake."""

    mistake: str = ""

    def actions(self) -> Any:
        named = {
            "nothing": None,
            "no action": (self.phases()[0],),
            "no function": (Action("a", 3),),
            "every": (Action("a", self.nothing, every=0),),
            "text": (Action("a", self.nothing, resets="decoder"),),
            "samples, stop": (Action("a", self.nothing, samples=lambda model: 9, stop=3),),
            "samples, every": (Action("a", self.nothing, samples=lambda model: 9, every=2),),
            "no samples": (Action("a", self.nothing, samples=lambda model: 0),),
            "half a sample": (Action("a", self.nothing, samples=lambda model: 2.5),),
            "before": (Action("a", self.nothing, before="decoder"),),
            "twice": (Action("vae", self.nothing),),
            "no moments": (Action("a", self.nothing, resets=("critic",)),),
            "replaces": (Action("a", self.replace),),
            "returns": (Action("a", self.give),),
            "draws": (Action("a", self.draw),),
            "values": (Action("a", self.read),),
            "alone": (Action("a", self.alone),),
            "late": (Action("a", self.late),),
        }
        return named[self.mistake]

    def nothing(self, model: TinyAutoencoder, batch: Batch) -> None:
        pass

    def replace(self, model: TinyAutoencoder, batch: Batch) -> None:
        model.decoder[0].weight = torch.nn.Parameter(torch.zeros_like(model.decoder[0].weight))

    def give(self, model: TinyAutoencoder, batch: Batch) -> Any:
        return model.decoder[0].weight

    def draw(self, model: TinyAutoencoder, batch: Batch) -> None:
        model.decoder[0].weight += torch.randn_like(model.decoder[0].weight)

    def read(self, model: TinyAutoencoder, batch: Batch) -> None:
        model.decoder[0].weight *= model.decoder[0].bias[0].item()

    def alone(self, model: TinyAutoencoder, batch: Batch) -> None:
        model.encoder.linear.bias[:2] -= model.encoder(batch.x).mu.mean(dim=0)

    def late(self, model: TinyAutoencoder, batch: Batch) -> None:
        if batch.noise.step == 2:
            raise KeyError("codes")


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("ordered", f"{__name__}:Ordered", "", "")
        yield Entry("mistaken", f"{__name__}:Mistaken", "", "")


def plan_of(loss: Use, steps: int = 12, **train: Any) -> Plan:
    recipe = tiny_recipe(loss=loss, train=Train(steps=steps, batch_size=8, **train))
    return make_plan(recipe, registry=registry_with(Plugin()))


def test_actions_run_at_their_place_and_in_their_steps():
    plan = plan_of(Use("ordered"), steps=4)
    assert SEEN[:6] == ["start", "first", "middle", "also middle", "second", "end"]  # in the dry run, all of them
    SEEN.clear()
    train_all(plan)
    assert " / ".join(SEEN).replace(" / end", " | end").split(" | ") == [
        "start / first",
        "end / start / first / middle / second",
        "end / first / middle / also middle",
        "end / first / middle / second",
        "end",
    ]


def test_an_action_changes_the_weights_and_forgets_the_moments():
    plan = plan_of(Use("acting"), steps=6)
    state, _ = train_all(plan)
    without, _ = train_all(plan_of(Use("vae"), steps=6))
    assert not torch.equal(state.model.decoder[0].weight, without.model.decoder[0].weight)
    moments = {name.split("/")[1] for name in tensors_of(state) if name.startswith("optim/")}
    assert moments == {"encoder"}  # those of the decoder were forgotten at the end of the sixth step


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_micro_batches_are_joined_for_an_action(precision):
    whole, parts = (train_all(plan_of(Use("acting"), precision=precision, accumulate=n))[0] for n in (1, 4))
    accuracy = 1e-5 if precision == "fp32" else 1e-12
    for (name, a), b in zip(whole.model.named_parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=accuracy, atol=accuracy, msg=name)


RECIPE = tiny_recipe(loss=Use("acting"), checkpoint=Checkpoint(every=2))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> RunFolder:
    folder = new_run(tmp_path_factory.mktemp("uninterrupted"), RECIPE)
    train_on(folder)
    return folder


@pytest.mark.trains
@pytest.mark.parametrize("step", [4, 5, 6, 7])
def test_a_run_with_actions_resumes_to_the_same_bits(tmp_path, uninterrupted, step):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, step)
    train_on(folder)
    for name in ("model.safetensors", "ema.safetensors"):
        assert (folder.final / name).read_bytes() == (uninterrupted.final / name).read_bytes()
    assert folder.metrics.read_bytes() == uninterrupted.metrics.read_bytes()


def test_the_testing_step_runs_actions_as_the_loop_does():
    plan = plan_of(Use("acting"), steps=6, precision="fp64")
    state, world = initial_state(plan, World("fp64")), World("fp64")
    model = initial_state(plan, world).model
    optimisers = {child: torch.optim.SGD(model.get_submodule(child).parameters(), lr=0.0) for child in state.optimisers}
    (batch,) = batches_of_step(plan, state, world)
    take_step(Acting(), model, optimisers, replace(batch, noise=replace(batch.noise, step=3)), step=3)
    assert not torch.equal(model.decoder[0].weight, state.model.decoder[0].weight)
    assert not torch.equal(model.encoder.linear.bias, state.model.encoder.linear.bias)
    assert torch.equal(model.decoder[2].weight, state.model.decoder[2].weight)


def test_turns_of_no_actions_are_the_phases():
    phases = VAE().phases()
    assert turns_of(phases, ()) == phases


def test_an_action_of_many_samples_takes_as_many_consecutive_steps_as_they_need():
    for samples, batch_size, start in product(range(1, 14), range(1, 6), (0, 3)):
        action = Action("a", print, start=start, samples=lambda model, samples=samples: samples)
        steps = [step for step in range(40) if action.for_batches(None, batch_size).due(step)]
        assert steps == list(range(start, start + len(steps)))
        assert (len(steps) - 1) * batch_size < samples <= len(steps) * batch_size
    assert (fixed := Action("a", print, start=2, stop=9)).for_batches(None, 4) is fixed


def test_the_plan_shows_actions_in_their_order(capsys):
    plan = plan_of(Use("acting"))
    chosen = Threads(1, "test"), choose_workers(plan, 1)
    print_plan(plan, *chosen, Console())
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = [line[0] for line in lines if line and line[0] in ("vae", "shrink", "centre", "forget")]
    assert shown == ["shrink", "vae", "centre", "forget"]
    actions = plan_as_dict(plan, *chosen)["actions"]
    assert [(a["name"], a["before"], a["due"], a["resets"]) for a in actions] == [
        ("shrink", "vae", "every 2 steps", []),
        ("centre", None, "each step after step 3", []),
        ("forget", None, "each step after step 5 up to step 6", ["decoder"]),
    ]


@pytest.mark.parametrize(
    ("mistake", "names"),
    [
        ("nothing", ("actions returned nothing",)),
        ("no action", ("actions returned", "tuple of Action")),
        ("no function", ('"a"', "do is a int")),
        ("every", ('"a"', "every is 0")),
        ("text", ("resets is 'decoder'", "tuple")),
        ("samples, stop", ('"a"', "samples", "stop")),
        ("samples, every", ('"a"', "samples", "every")),
        ("no samples", ('"a"', "samples", "returned 0")),
        ("half a sample", ('"a"', "samples", "returned 2.5")),
        ("before", ('before is "decoder"', "vae")),
        ("twice", ('"vae"', "another action or phase")),
        ("no moments", ('"a"', '"critic"', "resets")),
        ("replaces", ('"a"', "decoder.0.weight", "copy_()", "line")),
        ("returns", ('"a"', "Parameter", "line")),
        ("draws", ("randn_like", "batch.randn", "line")),
        ("values", ("meta", ".item()", "line")),
    ],
)
def test_a_mistake_is_refused_by_the_plan_with_its_owner(mistake, names):
    with pytest.raises(RecipeError) as caught:
        plan_of(Use("mistaken", mistake=mistake))
    (problem,) = caught.value.problems
    assert problem.place.path == ("loss",) and "plugin0" in problem.owner
    assert_names(problem.text, *names)


def test_an_action_that_fails_in_a_run_is_named_with_its_step_and_owner():
    plan = plan_of(Use("mistaken", mistake="late"))
    with pytest.raises(PartFailed) as caught:
        train_all(plan)
    assert_names(caught.value, "step 3", "[loss]", "late", "KeyError: 'codes'", "line", "plugin0")


@pytest.mark.parametrize("gathers", [True, False])
def test_an_action_that_gathers_nothing_is_refused_on_several_processes(gathers):
    plan = plan_of(Use("acting") if gathers else Use("mistaken", mistake="alone"))
    action = next(action for action in plan.actions if action.name in ("centre", "a"))
    x = torch.randn(8, 2)

    def run(world: OneOfTwo, rows: torch.Tensor) -> None:
        state = initial_state(plan, World())
        batch = replace(batch_of(rows, 2), gather_rows=lambda own: own if not gathers else torch.ones(4, 2))
        Actions(state, world, PartCalls(plan, state, world)).run(action, [batch])

    first = OneOfTwo()
    run(first, x[:4])
    second = OneOfTwo(first.sent)
    if gathers:
        run(second, x[4:])
        assert torch.equal(first.sent, second.sent)
        return
    with pytest.raises(PartFailed) as caught:
        run(second, x[4:])
    assert_names(caught.value, 'action "a"', "encoder.linear.bias", "batch.gather", "plugin0")
