"""Parts that fail while a run trains: the message names step, table, owner and line, and no whole step is lost."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.author_mistakes import PLUGIN, Late, MistakenPlugin, Readable
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe, train_all

from genkit.core.global_generators import GeneratorWatch, seeded_generators
from genkit.engine.batches import read_data
from genkit.engine.coupling import check_coupling
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import TrainState, initial_state
from genkit.errors import Diverged, PartFailed, UsageError
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder
from genkit.testing import small_autoencoder

LINE = "author_mistakes.py, line"


def plan_with(**changes) -> Plan:
    recipe = tiny_recipe(
        **{
            "loss": Use("Good"),
            "train": Train(steps=8, batch_size=8),
            "checkpoint": Checkpoint(every=4),
            "report": Report(log_every=1, draw_every=100, strip_steps=()),
            **changes,
        }
    )
    return make_plan(recipe, registry=registry_with(MistakenPlugin()))


def folder_of(plan: Plan, tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", plan.document, dict(plan.resolved))


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoint(folder.saved_steps()[-1]) / "state.safetensors")


@pytest.fixture(scope="module")
def good_weights(tmp_path_factory):
    plan = plan_with()
    folder = folder_of(plan, tmp_path_factory.mktemp("good"))
    train_in_folder(plan, folder, World())
    return weights(folder)


LATE = {
    "vector": ("(3,)", "mean"),
    "float": ("a float",),
    "none": ("a NoneType",),
    "detached": ("without a gradient",),
    "runtime-error": ("RuntimeError: out of ideas", LINE),
    "value-error": ("the radius is negative",),
    "exit": ("SystemExit: 0", LINE),
    "numpy": ("NumPy", "global"),
    "python": ("Python", "global"),
    "torch": ("torch", "global"),
}


@pytest.mark.trains
@pytest.mark.parametrize("how", LATE)
def test_a_loss_that_fails_late_is_named_and_no_step_is_lost(tmp_path, good_weights, how):
    plan = plan_with(loss=Use("Late", how=how))
    folder = folder_of(plan, tmp_path)
    with pytest.raises(PartFailed) as failed:
        train_in_folder(plan, folder, World())
    assert_names(failed.value, "step 5 of 8", "saved", "in step 6", "[loss]", PLUGIN, "resume", *LATE[how])
    assert (failed.value.exit_code, folder.saved_steps()[-1]) == (1, 5)

    train_in_folder(replace(plan, phases=Late().phases()), folder, World())  # after the fix
    assert_same_bits(weights(folder), good_weights)


@pytest.mark.trains
def test_a_bare_tensor_in_place_of_a_phase_loss_is_named(tmp_path):
    plan = plan_with(loss=Use("LateTuple"))
    with pytest.raises(PartFailed) as failed:
        train_in_folder(plan, folder_of(plan, tmp_path), World())
    assert_names(failed.value, "in step 6", "LateTuple", "PhaseLoss(total, terms)", LINE)


@pytest.mark.trains
def test_a_step_that_fails_half_way_is_not_saved(tmp_path):
    plan = plan_with(loss=Use("LateInTheSecondPhase", how="runtime-error"))
    folder = folder_of(plan, tmp_path)
    with pytest.raises(PartFailed) as failed:
        train_in_folder(plan, folder, World())
    assert_names(failed.value, "newest checkpoint is of step 4", "in step 6")
    assert folder.saved_steps() == [4]


@pytest.mark.trains
def test_the_buffers_of_a_failed_step_are_restored(tmp_path):
    constant = {child: Use("adam", lr=0.01) for child in ("encoder", "decoder")}
    plan = plan_with(model=Use("Normalised"), optimiser=constant, loss=Use("Late", how="runtime-error"))
    good = plan_with(model=Use("Normalised"), optimiser=constant, train=Train(steps=5, batch_size=8))
    folder, other = folder_of(plan, tmp_path / "a"), folder_of(good, tmp_path / "b")
    with pytest.raises(PartFailed):
        train_in_folder(plan, folder, World())
    train_in_folder(good, other, World())
    assert folder.saved_steps()[-1] == 5
    assert_same_bits(buffers_of(folder), buffers_of(other))


def buffers_of(folder: RunFolder) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in weights(folder).items() if "running_" in name}


@pytest.mark.trains
@pytest.mark.parametrize("loss", ["UngatheredMean", "Broadcasts"])
def test_a_batch_statistic_that_is_not_gathered_is_refused_where_it_matters(loss):
    plan = plan_with(loss=Use(loss), train=Train(steps=2, batch_size=8, accumulate=2))
    with pytest.raises(UsageError) as refused:
        train_all(plan)
    assert_names(refused.value, "[loss]", 'phase "only"', "batch.gather", "accumulate = 2", loss, LINE, PLUGIN)
    train_all(plan_with(loss=Use(loss), train=Train(steps=2, batch_size=8, accumulate=2, inexact_accumulation=True)))
    train_all(plan_with(loss=Use(loss), train=Train(steps=2, batch_size=8)))


@pytest.mark.trains
@pytest.mark.parametrize("changes", [{}, {"model": Use("mlp")}, {"loss": Use("vae")}, {"loss": Use("InFloat32")}])
def test_a_loss_of_single_samples_is_not_refused(changes):
    train_all(plan_with(train=Train(steps=2, batch_size=8, accumulate=2), **changes))


@pytest.mark.trains
def test_a_gathered_statistic_is_left_to_the_dry_run():
    plan = plan_with(loss=Use("GatheredMean"))
    check_coupling_of(replace(plan, recipe=replace(plan.recipe, train=Train(steps=2, batch_size=8, accumulate=2))))


def check_coupling_of(plan: Plan) -> None:
    world = World()
    state = initial_state(plan, world)
    check_coupling(plan, state, world, PartCalls(plan, state, world))


SAMPLES = {
    "tensor": ("a Tensor", "Samples"),
    "tuple": ("a tuple", "Samples"),
    "none": ("a NoneType", "Samples"),
    "shape": ("(8, 1)", "(8, 2)"),
    "rows": ("(1, 2)", "(8, 2)"),
    "float64": ("float64", ".float()"),
    "numpy": ("ndarray", "tensor"),
    "label": ('"label"', "(1,)", "8 rows"),
    "labels-as-list": ('"label"', "list"),
    "index-error": ("IndexError",),
    "torch-noise": ("global", "torch"),
    "numpy-noise": ("global", "NumPy"),
    "python-noise": ("global", "Python"),
}


@pytest.mark.trains
@pytest.mark.parametrize("how", SAMPLES)
def test_a_data_set_that_fails_late_is_named_and_no_step_is_lost(tmp_path, how):
    plan = plan_with(data=Use("Readable", how=how, first=5))
    folder = folder_of(plan, tmp_path)
    with pytest.raises(PartFailed) as failed:
        train_in_folder(plan, folder, World())
    assert_names(failed.value, "step 5 of 8", "saved", "in step 6", "[data]", "Readable", LINE, PLUGIN, *SAMPLES[how])
    assert folder.saved_steps()[-1] == 5


@pytest.mark.trains
@pytest.mark.parametrize("how", [*SAMPLES, "nan"])
def test_samples_are_tried_before_a_run(how):
    with pytest.raises(UsageError) as refused:
        read_data(plan_with(data=Use("Readable", how=how)))
    names = [name.replace("8", "2", 1) if name[0] in "(8" else name for name in SAMPLES.get(how, ("not finite",))]
    assert_names(refused.value, "[data]", "Readable", LINE, PLUGIN, *names)


def test_images_out_of_range_are_refused_before_a_run():
    plan = make_plan(
        tiny_recipe(data=Use("Bytes"), model=Use("small-conv", channels=[4]), loss=Use("vae")),
        registry=registry_with(MistakenPlugin()),
        try_step=False,
    )
    with pytest.raises(UsageError) as refused:
        read_data(plan)
    assert_names(refused.value, "[data]", "Bytes", LINE, PLUGIN, "255")


def test_the_line_of_a_draw_is_named_before_a_run():
    with pytest.raises(UsageError) as refused:
        read_data(plan_with(data=Use("Readable", how="torch-noise")))
    assert_names(refused.value, f"randn ({LINE}", "noise.randn")


@pytest.mark.trains
@pytest.mark.parametrize(("use", "names"), [("data", ("[data]", "Readable", PLUGIN)), ("loss", ("learning rate",))])
def test_data_that_are_not_finite_are_blamed_before_the_learning_rate(tmp_path, use, names):
    bad = {"data": Use("Readable", how="nan", first=5), "loss": Use("Late", how="nan")}
    plan = plan_with(**{use: bad[use]})
    with pytest.raises(Diverged) as diverged:
        train_in_folder(plan, folder_of(plan, tmp_path), World())
    assert_names(diverged.value, "step 6", *names)
    assert ("learning rate" in str(diverged.value)) is (use == "loss")


def test_the_watch_sees_every_generator_and_forgives_a_restored_state():
    import random

    watch = GeneratorWatch(torch.device("cpu"))
    for name, draw in {"torch": lambda: torch.rand(1), "NumPy": np.random.rand, "Python": random.random}.items():
        assert watch.moved() == []
        draw()
        assert watch.moved() == [name]
    with seeded_generators(3):
        np.random.rand(), random.random(), torch.rand(1)
    assert watch.moved() == []


def test_a_part_that_draws_with_its_own_generators_is_not_refused():
    watch = GeneratorWatch(torch.device("cpu"))
    torch.rand(3, generator=torch.Generator().manual_seed(0))
    np.random.default_rng(0).random()
    assert watch.moved() == []
    assert Readable(how="shape").size == 40


def test_a_failed_step_restores_a_buffer_that_a_network_has_replaced():
    model = small_autoencoder((2,), 1)
    model.register_buffer("seen", torch.zeros(1))
    state = TrainState(0, model, {}, None, nullcontext)
    with pytest.raises(ZeroDivisionError), state.in_step():
        model.seen = model.seen + 1
        raise ZeroDivisionError
    assert model.seen.item() == 0
