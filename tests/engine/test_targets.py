"""Targets of a loss: what they are copies of, who changes them, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_parts import TinyAutoencoder, registry_with
from support.tiny_recipes import tiny_recipe, train_all
from support.two_processes import OneOfTwo
from torch import Tensor, nn

import genkit
from genkit.api import VAE, Action, Batch, Conditional, DiagNormal, Model, PhaseLoss, follow, make_targets
from genkit.engine.actions import Actions
from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import initial_state
from genkit.engine.threads import Threads
from genkit.engine.workers import choose_workers
from genkit.errors import PartFailed, RecipeError, UsageError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Checkpoint, Train, Use
from genkit.runs.plan_report import plan_as_dict
from genkit.runs.training import checkpoint
from genkit.storage.weights import write_model_folder


@dataclass(frozen=True)
class Following(VAE):
    """VAE whose decoder is drawn to a target, which follows it every three steps."""

    named: str = "decoder"
    mistake: str = ""

    def targets(self) -> Any:
        return {"text": "decoder", "numbers": (3,)}.get(self.mistake, (self.named,))

    def actions(self) -> tuple[Action, ...]:
        do = self.replace if self.mistake == "replaces" else self.alone if self.mistake == "alone" else self.move
        return (Action("move", do, every=3),)

    def move(self, model: TinyAutoencoder, batch: Batch) -> None:
        follow(batch.targets["decoder"], model.decoder, 0.5)

    def replace(self, model: TinyAutoencoder, batch: Batch) -> None:
        batch.targets["decoder"][0].weight = nn.Parameter(torch.zeros_like(model.decoder[0].weight))

    def alone(self, model: TinyAutoencoder, batch: Batch) -> None:
        batch.targets["decoder"][0].bias += batch.x.mean()

    def loss(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        total, terms = super().loss(model, batch)
        z = model.encoder(batch.x).mu
        return PhaseLoss(total + (model.decoder(z) - batch.targets["decoder"](z)).square().mean(), terms)


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("following", f"{__name__}:Following", "", "")


REGISTRY = registry_with(Plugin())


def recipe_of(**changes: Any):
    loss = changes.pop("loss", Use("following"))
    return tiny_recipe(**{"loss": loss, "train": Train(steps=8, batch_size=8), **changes})


def plan_of(**changes: Any) -> Plan:
    return make_plan(recipe_of(**changes), registry=REGISTRY)


class WithBuffers(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), value))
        self.register_buffer("average", torch.full((3,), 10 * value))
        self.register_buffer("count", torch.tensor(int(100 * value)))


@pytest.mark.parametrize(("decay", "expected"), [(0.0, 5.0), (0.25, 4.0), (1.0, 1.0)])
def test_follow_moves_parameters_and_averages_and_copies_counters(decay, expected):
    target, child = WithBuffers(1.0), WithBuffers(5.0)
    follow(target, child, decay)
    assert target.weight.tolist() == [expected] * 2
    assert target.average.tolist() == [10 * expected] * 3
    assert target.count.item() == 500
    assert child.weight.tolist() == [5.0] * 2


def test_a_target_starts_as_a_copy_without_gradient_that_no_optimiser_holds():
    state = initial_state(plan_of(), World())
    (target,) = state.targets.values()
    assert not any(parameter.requires_grad for parameter in target.parameters())
    for ours, theirs in zip(target.parameters(), state.model.decoder.parameters(), strict=True):
        assert torch.equal(ours, theirs) and ours is not theirs
    held = {id(p) for each in state.optimisers.values() for p in each.parameters.values()}
    assert not held & {id(parameter) for parameter in target.parameters()}


def test_a_target_changes_in_its_action_only():
    state = initial_state(plan_of(), World())
    target, expected, before = state.targets["decoder"], {}, {}
    for record in train_steps(plan_of(), state, World()):
        if record.step == 1:
            expected = {name: tensor.clone() for name, tensor in target.named_parameters()}
        if record.step % 3 == 0:
            decoder = dict(state.model.decoder.named_parameters())
            expected = {name: 0.5 * before[name] + 0.5 * decoder[name] for name in before}
        for name, tensor in target.named_parameters():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-6, atol=1e-7)
        before = {name: tensor.clone() for name, tensor in target.named_parameters()}
    assert any(not torch.equal(a, b) for a, b in zip(target.parameters(), state.model.decoder.parameters()))


def test_the_initial_weights_do_not_depend_on_the_targets():
    with_targets, without = (initial_state(plan_of(loss=loss), World()) for loss in (Use("following"), Use("vae")))
    for ours, theirs in zip(with_targets.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert without.targets == {}


def test_a_warm_start_fills_the_targets_too(tmp_path):
    trained, _ = train_all(plan_of(loss=Use("vae")))
    write_model_folder(tmp_path / "final", trained.model, None, {"data_shape": [2]})
    train = Train(steps=8, batch_size=8, warm_start=str(tmp_path / "final"))
    state = initial_state(plan_of(train=train), World())
    for ours, theirs in zip(state.targets["decoder"].parameters(), trained.model.decoder.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.fixture
def tiny_registry(monkeypatch):
    """Let the helpers of runs know the loss of this module."""
    monkeypatch.setattr("support.kill_and_resume.registry_with", lambda: REGISTRY)
    monkeypatch.setattr("genkit.runs.trained_models.build_parts.load_registry", lambda: REGISTRY)


@pytest.mark.trains
def test_a_run_resumes_to_the_same_bits_and_its_folders_hold_no_targets(tmp_path, tiny_registry):
    recipe = recipe_of(checkpoint=Checkpoint(every=2), ema=EMA(decay=0.9))
    whole, folder = new_run(tmp_path / "whole", recipe), new_run(tmp_path / "killed", recipe)
    train_on(whole)
    train_and_kill(folder, 4, 5)
    unfinished: Model = genkit.load(folder.path, "raw").module
    assert not hasattr(unfinished, "target_decoder")
    train_on(folder)
    for name in ("model.safetensors", "ema.safetensors"):
        assert (folder.final / name).read_bytes() == (whole.final / name).read_bytes()
        assert not [key for key in load_file(folder.final / name) if "target" in key]
    assert folder.metrics.read_bytes() == whole.metrics.read_bytes()
    saved = [load_file(run.checkpoint(8) / "state.safetensors") for run in (folder, whole)]
    targets = [{name: t for name, t in each.items() if name.startswith("target/decoder.")} for each in saved]
    assert len(targets[0]) == 4 and all(torch.equal(tensor, targets[1][name]) for name, tensor in targets[0].items())
    assert isinstance(genkit.load(folder.path).module, TinyAutoencoder)


@pytest.mark.parametrize(("saved", "loaded"), [("vae", "following"), ("following", "vae")])
def test_a_checkpoint_of_other_targets_is_refused(tmp_path, saved, loaded):
    checkpoint.save(initial_state(plan_of(loss=Use(saved)), World()), tmp_path / "step-00000000")
    with pytest.raises(UsageError) as caught:
        checkpoint.load(initial_state(plan_of(loss=Use(loaded)), World()), tmp_path / "step-00000000")
    assert_names(caught.value, "target/decoder.0.bias")


@pytest.mark.parametrize("precision", ["bf16", "fp64"])
def test_targets_run_in_the_precision_of_the_networks(precision):
    train = Train(steps=1, batch_size=8, precision=precision)
    state = initial_state(plan_of(train=train), World(precision))
    z = torch.randn(64, 2, dtype=torch.float64 if precision == "fp64" else torch.float32)
    assert torch.equal(state.targets["decoder"](z), state.model.decoder(z))
    with state.full_precision():
        assert torch.equal(state.targets["decoder"](z), state.model.decoder(z))


def test_the_plan_counts_and_shows_the_targets():
    plan, without = plan_of(), plan_of(loss=Use("vae"))
    facts = plan_as_dict(plan, Threads(1, "test"), choose_workers(plan, 1))
    assert facts["targets"] == ["decoder"]
    assert facts["parameters"] == dict(without.dry_run.parameters)
    decoder = plan.dry_run.parameters["decoder"]
    assert plan.dry_run.state_bytes == without.dry_run.state_bytes + 4 * decoder


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"named": "critic"}, ('"critic"', "decoder and encoder")),
        ({"mistake": "text"}, ("targets returned 'decoder'", "tuple")),
        ({"mistake": "numbers"}, ("targets returned (3,)",)),
        ({"mistake": "replaces"}, ("target decoder.0.weight", "copy_()")),
    ],
)
def test_a_mistake_is_refused_by_the_plan(keys, names):
    with pytest.raises(RecipeError) as caught:
        plan_of(loss=Use("following", **keys))
    (problem,) = caught.value.problems
    assert problem.place.path == ("loss",)
    assert_names(problem.text, *names)


def test_an_action_that_moves_a_target_otherwise_on_each_process_is_refused():
    plan, first = plan_of(loss=Use("following", mistake="alone")), OneOfTwo()
    (action,) = plan.actions
    for number, world in enumerate((first, None)):
        world = world or OneOfTwo(first.sent)
        state = initial_state(plan, World())
        (batch,) = batches_of_step(plan, state, World())
        actions = Actions(state, world, PartCalls(plan, state, world))
        if number == 0:
            actions.run(action, [batch])
            continue
        with pytest.raises(PartFailed) as caught:
            actions.run(action, [replace(batch, x=batch.x + 1)])
        assert_names(caught.value, 'action "move"', "target decoder.0.bias", "batch.gather")


def test_targets_of_a_model_are_independent_copies():
    model = TinyAutoencoder(data_shape=(2,))
    made = make_targets(model, ("encoder",))
    with torch.no_grad():
        model.encoder.linear.bias += 1
    q: DiagNormal = made["encoder"](torch.zeros(1, 2))
    assert not torch.equal(q.mu, model.encoder(torch.zeros(1, 2)).mu)


class OfAClass(Conditional):
    """Decoder that returns the class of each row."""

    classes = 3

    def forward(self, z: Tensor) -> Tensor:
        labels = self.labels_of(len(z), z.device)
        assert labels is not None
        return labels[:, None].expand(-1, 2).to(z.dtype)


def test_targets_know_the_classes_that_the_model_is_given():
    model = TinyAutoencoder(data_shape=(2,))
    model.decoder = OfAClass()
    target = make_targets(model, ("decoder",))["decoder"]
    with model.given({"label": torch.tensor([2, 0])}, target):
        assert target(torch.zeros(2, 2)).tolist() == [[2.0, 2.0], [0.0, 0.0]]
    assert target.labels is None and model.decoder.labels is None
