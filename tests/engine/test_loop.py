"""The training loop on tiny parts: determinism, phases, accumulation, EMA, schedules, clipping, precision."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Blob, Numbered, TinyAutoencoder
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan, tiny_recipe, train_all

from genkit.core.batch import Batch
from genkit.core.dataset import Samples
from genkit.engine.batches import batches_of_step, check_batch
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import MovingAverage, initial_state
from genkit.engine.step import update
from genkit.errors import RecipeError, UsageError
from genkit.recipe.tables import Train, Use

pytestmark = pytest.mark.trains


def test_a_run_is_a_function_of_its_recipe():
    assert_same_bits(tensors_of(train_all(tiny_plan())[0]), tensors_of(train_all(tiny_plan())[0]))
    other = tensors_of(train_all(tiny_plan(seed=4))[0])
    assert not torch.equal(
        other["model/encoder.linear.weight"], tensors_of(train_all(tiny_plan())[0])["model/encoder.linear.weight"]
    )


def test_the_initial_weights_depend_on_the_seed_of_the_recipe_alone():
    def weights(seed, of_the_caller):
        torch.manual_seed(of_the_caller)
        return initial_state(tiny_plan(seed=seed), World()).model.state_dict()

    assert_same_bits(weights(3, 0), weights(3, 1))
    one, other = weights(3, 0), weights(4, 0)
    assert not any(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("phase", "updated"), [("warmup", "encoder decoder"), ("encoder", "encoder"), ("decoder", "decoder")]
)
def test_a_phase_changes_all_of_its_updates_and_nothing_else(phase, updated):
    plan, world = tiny_plan(), World()
    state = initial_state(plan, world)
    state.step = 5
    batches = batches_of_step(plan, state, world)
    if phase == "decoder":
        next(p for p in plan.phases if p.name == "encoder").loss(state.model, batches[0].in_phase("encoder"))
    before = copy.deepcopy(tensors_of(state))
    inputs = [batch.in_phase(phase) for batch in batches]
    calls = PartCalls(plan, state, world)
    update(next(p for p in plan.phases if p.name == phase), state, inputs, world, calls, keep_graphs=False)
    after = tensors_of(state)
    for name, tensor in after.items():
        if name.startswith("model/"):
            assert torch.equal(tensor, before[name]) != (name.split("/")[1].split(".")[0] in updated.split())


def test_phases_run_at_their_steps():
    _, records = train_all(tiny_plan())
    assert [record.step for record in records] == list(range(1, 13))  # completed steps
    seen = [{name.split("/")[0] for name in record.terms} for record in records]
    assert seen[:4] == [{"warmup"}] * 4
    assert seen[4:] == [{"encoder"}, {"encoder", "decoder"}] * 4


def seen_by_phases(**changes) -> list[tuple[int, str, Batch]]:
    """Train the tiny recipe; return the step, the name of the phase and the batch of every call of a loss."""
    plan, seen = tiny_plan(**changes), []

    def recording(phase):
        def loss(model, batch):
            seen.append((batch.noise.step, phase.name, batch))
            return phase.loss(model, batch)

        return replace(phase, loss=loss)

    train_all(replace(plan, phases=tuple(map(recording, plan.phases))))
    return seen


def test_a_phase_knows_the_progress_of_the_run_and_its_own():
    """Of 12 steps the warm-up has 4, so the other phases go from 0 to 7/8 of their part of the run."""
    for step, name, batch in seen_by_phases():
        assert batch.t == step / 12
        assert batch.phase_start == (0 if name == "warmup" else 4 / 12)
        assert batch.phase_t == pytest.approx(step / 12 if name == "warmup" else (step - 4) / 8, abs=1e-15)


def test_each_phase_of_each_step_draws_its_own_numbers_and_shares_samples_and_codes():
    seen = seen_by_phases()
    drawn = [tuple(batch.randn("eps", 2).flatten().tolist()) for *_, batch in seen]
    assert len(set(drawn)) == len(drawn) == 4 + 8 + 4
    both = {}
    for step, _, batch in seen:
        x, z = both.setdefault(step, (batch.x, batch.z))
        assert torch.equal(batch.x, x) and torch.equal(batch.z, z)
    assert len({tuple(z.flatten().tolist()) for _, z in both.values()}) == 12
    assert not {tuple(z.flatten().tolist()) for _, z in both.values()} & set(drawn)


def test_the_micro_batches_of_a_step_are_the_parts_of_the_whole_batch():
    def rows(train):
        seen = [batch for step, name, batch in seen_by_phases(train=train) if (step, name) == (5, "encoder")]
        parts = [(batch.x, batch.z, batch.randn("eps", 2)) for batch in seen]
        return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]

    whole = rows(Train(steps=12, batch_size=8))
    parts = rows(Train(steps=12, batch_size=8, accumulate=4, inexact_accumulation=True))
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_the_batches_of_three_processes_are_the_parts_of_that_of_one():
    plan, world = tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=12)), World()
    state = initial_state(plan, world)
    (whole,) = batches_of_step(plan, state, world)

    def of_process(rank):
        shared = {"device": world.device, "dtype": world.dtype, "gather": world.gather}
        (batch,) = batches_of_step(plan, state, SimpleNamespace(rank=rank, size=3, **shared))
        assert batch.rank == rank
        assert torch.equal(batch.own(whole.x), batch.x)
        return batch.x, batch.z, batch.randn("eps", 2)

    expected = whole.x, whole.z, whole.randn("eps", 2)
    for parts, together in zip(zip(*map(of_process, range(3)), strict=True), expected, strict=True):
        assert torch.equal(torch.cat(parts), together)


def test_samples_and_codes_are_drawn_independently_and_depend_on_the_seed_and_the_step():
    class Codes(Blob):
        def batch(self, indices, noise):
            return Samples(noise.randn("z", 2))  # the tag of latent codes

    world, drawn = World(), []
    for seed, step in ((3, 0), (3, 1), (4, 0)):
        plan = replace(tiny_plan(seed=seed), data=Codes())
        state = initial_state(plan, world)
        state.step = step
        (batch,) = batches_of_step(plan, state, world)
        drawn += [tuple(batch.x.flatten().tolist()), tuple(batch.z.flatten().tolist())]
    assert len(set(drawn)) == len(drawn) == 6


def test_labels_reach_the_loss_with_their_samples():
    class Labelled(Numbered):
        def batch(self, indices, noise):
            return Samples(super().batch(indices, noise).x, {"label": indices})

    train = Train(steps=2, batch_size=12, accumulate=3, inexact_accumulation=True)
    plan, world = replace(tiny_plan(data=Use("numbered"), train=train), data=Labelled()), World()
    batches = batches_of_step(plan, initial_state(plan, world), world)
    assert [set(batch.extra) for batch in batches] == [{"label"}] * 3
    for batch in batches:
        assert torch.equal(batch.extra["label"] / 40, batch.x[:, 0])
    assert len(torch.cat([batch.extra["label"] for batch in batches]).unique()) == 12


def by_hand(steps: int) -> TinyAutoencoder:
    """The tiny recipe as a plain torch loop in float64, with warm-up, clipping and schedules written out."""
    plan = tiny_plan(train=Train(steps=12, batch_size=8, precision="fp64"))
    state = initial_state(plan, World("fp64"))
    model = state.model
    encoder = torch.optim.Adam(model.encoder.parameters(), lr=1.0)
    decoder = torch.optim.AdamW(model.decoder.parameters(), lr=0.01, weight_decay=0.01)
    for step in range(steps):
        state.step = step
        (batch,) = batches_of_step(plan, state, World("fp64"))
        encoder.param_groups[0]["lr"] = plan.optimisers["encoder"].lr(step / 12)
        if step < 4:
            model.zero_grad()
            plan.loss.reconstruct(model, batch.in_phase("warmup")).total.backward()
            torch.nn.utils.clip_grad_norm_(model.decoder.parameters(), 0.5)
            encoder.step()
            decoder.step()
            continue
        model.zero_grad()
        plan.loss.encode(model, batch.in_phase("encoder")).total.backward(retain_graph=True)
        encoder.step()
        if (step + 1) % 2 == 0:
            # Decode the carried codes anew: the decoder has not changed, so this is the graph that the loop shares.
            model.decoder.zero_grad()
            plan.loss.decode(model, batch.in_phase("decoder")).total.backward(inputs=list(model.decoder.parameters()))
            torch.nn.utils.clip_grad_norm_(model.decoder.parameters(), 0.5)
            decoder.step()
    return model


def test_the_loop_equals_the_same_steps_written_by_hand():
    state, _ = train_all(tiny_plan(train=Train(steps=12, batch_size=8, precision="fp64")))
    expected = by_hand(12).state_dict()
    for name, tensor in state.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-12)


def test_accumulation_is_exact_for_an_additive_loss():
    whole = tiny_plan(train=Train(steps=4, batch_size=8, precision="fp64"))
    split = tiny_plan(train=Train(steps=4, batch_size=8, precision="fp64", accumulate=4, inexact_accumulation=True))
    (a, logged), (b, logged_in_parts) = train_all(whole), train_all(split)  # four steps of warm-up: a plain mean
    for name, tensor in a.model.state_dict().items():
        torch.testing.assert_close(tensor, b.model.state_dict()[name], rtol=0, atol=1e-14)
    for one, other in zip(logged, logged_in_parts, strict=True):
        torch.testing.assert_close(other.terms, one.terms, rtol=0, atol=1e-14)


def test_the_moving_average_follows_its_definition_with_buffers():
    model = torch.nn.BatchNorm1d(2)
    average = MovingAverage(model, 0.75)
    with torch.no_grad():
        model.weight.fill_(5.0)
        model.running_mean.fill_(8.0)
        model.num_batches_tracked.fill_(7)
    average.update()
    assert average.model.weight.tolist() == [0.75 * 1 + 0.25 * 5] * 2
    assert average.model.running_mean.tolist() == [0.25 * 8] * 2
    assert average.model.num_batches_tracked == 7


def test_the_moving_average_is_updated_after_every_step():
    plan, world = tiny_plan(train=Train(steps=12, batch_size=8, precision="fp64")), World("fp64")
    state = initial_state(plan, world)
    expected = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    for _ in train_steps(plan, state, world):
        expected = {name: 0.9 * expected[name] + 0.1 * value for name, value in state.model.state_dict().items()}
    for name, average in state.average.model.state_dict().items():
        torch.testing.assert_close(average, expected[name], rtol=0, atol=1e-14)
        assert not torch.allclose(average, state.model.state_dict()[name], rtol=0, atol=1e-6)


def test_learning_rates_are_functions_of_the_step():
    plan = tiny_plan()
    state, _ = train_all(plan)
    group = state.optimisers["encoder"].optimiser.param_groups[0]
    assert group["lr"] == plan.optimisers["encoder"].lr(11 / 12)


def test_clipping_bounds_the_gradient_of_its_child():
    plan = tiny_plan(data=Use("blob", spread=10.0), train=Train(steps=1, batch_size=8))
    state, _ = train_all(plan)
    norm = torch.cat([p.grad.flatten() for p in state.model.decoder.parameters()]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-5)
    assert torch.cat([p.grad.flatten() for p in state.model.encoder.parameters()]).norm() > 1


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(RecipeError) as caught:
        tiny_plan(train=Train(steps=2, batch_size=8, accumulate=3, inexact_accumulation=True))
    (problem,) = caught.value.problems
    assert problem.place.path == ("train", "accumulate")
    assert_names(problem, "batch_size = 8", "3")
    plan = tiny_plan()
    with pytest.raises(UsageError) as caught:
        check_batch(plan, 3)
    assert_names(caught.value, "[train] batch_size: 8", "3 processes x accumulate = 1", "6 or 9")


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(UsageError) as caught:
        train_all(tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=48)))
    assert_names(caught.value, "[train] batch_size: 48", "40 samples")


def test_epochs_visit_the_data_and_drop_the_uneven_batch():
    recipe = replace(tiny_recipe(), data=Use("numbered"), train=Train(epochs=2, batch_size=12))
    plan = tiny_plan(**{"data": recipe.data, "train": recipe.train})
    assert plan.steps == 2 * (40 // 12)
    state, seen = initial_state(plan, World()), []
    for step in range(3):
        state.step = step
        seen += (batches_of_step(plan, state, World())[0].x[:, 0] * 40).round().int().tolist()
    assert len(seen) == len(set(seen)) == 36


def test_networks_run_in_bf16_and_losses_in_float32():
    kinds = []

    class Spy(torch.nn.Module):
        def forward(self, x):
            out = x @ torch.eye(2)
            kinds.append(out.dtype)
            return out

    from genkit.engine.precision import MixedPrecision

    model = torch.nn.Sequential(Spy())
    mixed = MixedPrecision(model, World("bf16").autocast)
    assert model[0](torch.ones(1, 2)).dtype is torch.float32
    with mixed.off():
        model[0](torch.ones(1, 2))
        with pytest.raises(KeyError), mixed.off():
            raise KeyError
        model[0](torch.ones(1, 2))
    model[0](torch.ones(1, 2))
    assert kinds == [torch.bfloat16, torch.float32, torch.float32, torch.bfloat16]


def test_bf16_takes_steps():
    state, records = train_all(tiny_plan(train=Train(steps=6, batch_size=8, precision="bf16")))
    assert all(torch.isfinite(value) for record in records for value in record.terms.values())
    assert next(state.model.parameters()).dtype is torch.float32
