"""Checkpoints: a saved and loaded state has the same bits in the same memory layout."""

import copy
import errno
import json
from contextlib import nullcontext

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from support.messages import assert_names
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan, train_all
from torch import nn

from genkit.api import ConstantSchedule
from genkit.core.model import Autoencoder
from genkit.engine.distributed import World
from genkit.engine.state import ChildOptimiser, MovingAverage, TrainState, initial_state
from genkit.errors import UsageError
from genkit.parts.optimisers.adam import Adam
from genkit.runs.training import checkpoint
from genkit.storage.exported_weights import fill_weights
from genkit.storage.weights import digest, write_model_folder, write_tensors

LAST = torch.channels_last


class Pictures(Autoencoder):
    """Convolutions whose weights are kept channels-last."""

    def __init__(self, channels: int = 8):
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.Conv2d(channels, 4, 3))
        super().__init__(encoder.to(memory_format=LAST), nn.Linear(4, 4), latent_dim=4, data_shape=(3, 8, 8))


class Tied(Autoencoder):
    """The decoder is the transposed encoder: two names, one tensor."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False), latent_dim=4, data_shape=(4,))
        self.decoder.weight = self.encoder.weight


def state_of(model: Autoencoder, children: tuple[str, ...] = ("encoder",), decay: float | None = 0.5) -> TrainState:
    average = MovingAverage(model, decay) if decay is not None else None
    optimisers = {name: ChildOptimiser(Adam(lr=ConstantSchedule(1e-2)), model.get_submodule(name)) for name in children}
    return TrainState(0, model, optimisers, average, nullcontext)


def step(state: TrainState) -> None:
    """Take one step on data that depend on the step number alone."""
    x = torch.randn(5, *state.model.data_shape, generator=torch.Generator().manual_seed(state.step))
    state.model.zero_grad()
    state.model.encoder(x).square().mean().backward()
    state.optimisers["encoder"].step(0.0, None)
    if state.average is not None:
        state.average.update()
    state.step += 1


def moments(state: TrainState) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return each parameter of the encoder with its first moment."""
    optimiser = state.optimisers["encoder"]
    return [(p, optimiser.optimiser.state[p]["exp_avg"]) for p in optimiser.parameters.values()]


@pytest.fixture
def interrupted(tmp_path) -> TrainState:
    """Return a state after three steps, which are saved in ``tmp_path/3``."""
    state = state_of(Pictures())
    for _ in range(3):
        step(state)
    checkpoint.save(state, tmp_path / "3")
    return state


def test_channels_last_weights_resume_to_the_same_bits(tmp_path, interrupted):
    resumed = state_of(Pictures())
    checkpoint.load(resumed, tmp_path / "3")
    assert resumed.step == 3
    assert_same_bits(tensors_of(resumed), tensors_of(interrupted))
    for _ in range(3):
        step(interrupted)
        step(resumed)
    assert_same_bits(tensors_of(resumed), tensors_of(interrupted))


def test_weights_and_moments_keep_their_layout(tmp_path, interrupted):
    resumed = state_of(Pictures())
    checkpoint.load(resumed, tmp_path / "3")
    strides = [(p.stride(), moment.stride()) for p, moment in moments(interrupted)]
    assert [(p.stride(), moment.stride()) for p, moment in moments(resumed)] == strides
    assert all(p.stride() == moment.stride() for p, moment in moments(resumed))
    convolution = resumed.model.encoder[2].weight
    assert convolution.is_contiguous(memory_format=LAST) and not convolution.is_contiguous()


def test_fused_adam_is_wrong_with_moments_in_another_layout(tmp_path, interrupted):
    """The reason why a checkpoint restores the layout of moments; if torch fixes this, that code can go."""
    trapped = state_of(Pictures())
    checkpoint.load(trapped, tmp_path / "3")
    for parameter, _ in moments(trapped):
        state = trapped.optimisers["encoder"].optimiser.state[parameter]
        state["exp_avg"], state["exp_avg_sq"] = state["exp_avg"].contiguous(), state["exp_avg_sq"].contiguous()
    step(interrupted)
    step(trapped)
    difference = (trapped.model.encoder[2].weight - interrupted.model.encoder[2].weight).abs().max()
    assert difference > 1e-4


def test_loading_twice_is_loading_once(tmp_path, interrupted):
    resumed = state_of(Pictures())
    checkpoint.load(resumed, tmp_path / "3")
    step(resumed)
    checkpoint.load(resumed, tmp_path / "3")
    assert resumed.step == 3
    assert_same_bits(tensors_of(resumed), tensors_of(interrupted))


def test_loading_into_a_trained_state_replaces_its_moments(tmp_path):
    fresh, trained = state_of(Pictures()), state_of(Pictures())
    checkpoint.save(fresh, tmp_path / "0")
    step(trained)
    checkpoint.load(trained, tmp_path / "0")
    assert_same_bits(tensors_of(trained), tensors_of(fresh))


def test_loading_fills_the_tensors_in_place(tmp_path, interrupted):
    resumed = state_of(Pictures())
    before = {name: tensor.data_ptr() for name, tensor in resumed.model.state_dict().items()}
    checkpoint.load(resumed, tmp_path / "3")
    assert {name: tensor.data_ptr() for name, tensor in resumed.model.state_dict().items()} == before


def test_tied_weights_are_saved_and_stay_tied(tmp_path):
    state, resumed = (
        state_of(Tied(), ("encoder", "decoder"), decay=None),
        state_of(Tied(), ("encoder", "decoder"), None),
    )
    step(state)
    checkpoint.save(state, tmp_path / "1")
    checkpoint.load(resumed, tmp_path / "1")
    assert resumed.model.decoder.weight is resumed.model.encoder.weight
    step(state)
    step(resumed)
    assert_same_bits(tensors_of(resumed), tensors_of(state))


def test_tied_weights_are_averaged_once():
    model = Tied()
    with torch.no_grad():
        model.encoder.weight.zero_()
    average = MovingAverage(model, 0.75)
    with torch.no_grad():
        model.encoder.weight.fill_(1.0)
    average.update()
    assert average.model.encoder.weight[0, 0] == 0.25


def test_a_full_disk_raises_oserror_with_its_number(tmp_path, monkeypatch):
    def full(*given):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("genkit.storage.weights.save_file", full)
    with pytest.raises(OSError, match="No space left on device: .*/x'") as caught:
        write_tensors(tmp_path / "x", {"x": torch.zeros(3)})
    assert caught.value.errno == errno.ENOSPC


def test_changed_weights_of_a_model_folder_are_refused(tmp_path):
    write_model_folder(tmp_path, Tied(), None, {})
    content = bytearray((tmp_path / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="model.safetensors"):
        fill_weights(Tied(), tmp_path, "raw")


def test_the_gradient_scaler_is_restored(tmp_path):
    state, resumed = (state_of(Tied(), ("encoder", "decoder"), None) for _ in range(2))
    state.scaler, resumed.scaler = torch.amp.GradScaler("cpu"), torch.amp.GradScaler("cpu")
    state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 128.0, "_growth_tracker": 7})
    checkpoint.save(state, tmp_path / "1")
    checkpoint.load(resumed, tmp_path / "1")
    assert resumed.scaler.state_dict() == state.scaler.state_dict()


def test_changes_of_the_environment_are_listed(tmp_path, monkeypatch):
    checkpoint.save(state_of(Tied(), ("encoder", "decoder"), None), tmp_path / "1")
    assert checkpoint.changed_environment(tmp_path / "1") == []
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    assert checkpoint.changed_environment(tmp_path / "1") == [f"threads {threads} then, {threads + 1} now"]


def test_tied_weights_of_a_model_folder_are_restored(tmp_path):
    model, other = Tied(), Tied()
    with torch.no_grad():
        other.encoder.weight.zero_()
    write_model_folder(tmp_path, model, None, {})
    fill_weights(other, tmp_path, "raw")
    assert_same_bits(other.state_dict(), model.state_dict())
    assert other.decoder.weight is other.encoder.weight


@pytest.mark.parametrize(
    ("model", "named"), [(Pictures(channels=6), "encoder.0.bias"), (Tied(), "encoder.0.bias")], ids=["shape", "names"]
)
def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path, interrupted, model, named):
    state = state_of(model)
    before = copy.deepcopy(tensors_of(state))
    with pytest.raises(UsageError) as caught:
        checkpoint.load(state, tmp_path / "3")
    assert_names(caught.value, tmp_path / "3", named, "[model]")
    assert_same_bits(tensors_of(state), before)
    assert state.step == 0


def test_a_checkpoint_without_ema_weights_is_refused_by_a_recipe_with_ema(tmp_path):
    state = state_of(Pictures(), decay=None)
    checkpoint.save(state, tmp_path / "0")
    with pytest.raises(UsageError, match=r"\[ema\]"):
        checkpoint.load(state_of(Pictures()), tmp_path / "0")


def test_tensors_have_the_documented_names(tmp_path):
    state, _ = train_all(tiny_plan())
    checkpoint.save(state, tmp_path / "12")
    names = set(load_file(tmp_path / "12" / checkpoint.TENSORS))
    assert {"model/decoder.0.weight", "ema/decoder.0.weight", "optim/decoder/0.weight/exp_avg_sq"} <= names
    assert {name.partition("/")[0] for name in names} == {"model", "ema", "optim"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["12"]  # no half-written one beside it


def test_a_checkpoint_in_float64_keeps_every_bit(tmp_path):
    from genkit.recipe.tables import Train

    plan = tiny_plan(train=Train(steps=3, batch_size=8, precision="fp64"))
    state, _ = train_all(plan)
    checkpoint.save(state, tmp_path / "3")
    resumed = initial_state(plan, World("fp64"))
    checkpoint.load(resumed, tmp_path / "3")
    tensors = tensors_of(resumed)
    assert_same_bits(tensors, tensors_of(state))
    assert all(tensors[name].dtype == tensor.dtype for name, tensor in tensors_of(state).items())


def change(folder, harm) -> None:
    """Change the tensors of a checkpoint, and make its digest match."""
    tensors = load_file(folder / checkpoint.TENSORS)
    harm(tensors)
    write_tensors(folder / checkpoint.TENSORS, tensors)
    about = json.loads((folder / checkpoint.ABOUT).read_text())
    about["sha256"] = digest(folder / checkpoint.TENSORS)
    (folder / checkpoint.ABOUT).write_text(json.dumps(about))


WEIGHT, AVERAGE, MOMENT = "model/encoder.2.weight", "ema/encoder.1.running_mean", "optim/encoder/0.weight/exp_avg"


@pytest.mark.parametrize(
    ("key", "harm"),
    [
        (WEIGHT, lambda tensor: tensor[:1]),
        (WEIGHT, lambda tensor: tensor.double()),
        (WEIGHT, lambda tensor: tensor * float("nan")),
        (AVERAGE, lambda tensor: tensor.half()),
        (AVERAGE, lambda tensor: tensor + float("inf")),
        ("model/encoder.1.num_batches_tracked", lambda tensor: tensor.float()),
        (MOMENT, lambda tensor: tensor[:2]),
        (MOMENT, lambda tensor: tensor.flatten()),
        (MOMENT, lambda tensor: tensor.double()),
        ("optim/encoder/9.weight/exp_avg", lambda tensor: torch.zeros(3)),
        ("optim/critic/0.weight/exp_avg", lambda tensor: torch.zeros(3)),
        ("other/0.weight", lambda tensor: torch.zeros(3)),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_and_changes_nothing(tmp_path, interrupted, key, harm):
    change(tmp_path / "3", lambda tensors: tensors.update({key: harm(tensors.get(key))}))
    state = state_of(Pictures())
    before = copy.deepcopy(tensors_of(state))
    with pytest.raises(UsageError) as caught:
        checkpoint.load(state, tmp_path / "3")
    assert_names(caught.value, tmp_path / "3", key)
    assert_same_bits(tensors_of(state), before)
    assert state.step == 0


def test_moments_that_are_factored_fit(tmp_path):
    class Factored(Adam):
        def build(self, parameters):
            return torch.optim.Adafactor(parameters)

    def fresh() -> TrainState:
        state = state_of(Pictures())
        encoder = state.model.get_submodule("encoder")
        state.optimisers = {"encoder": ChildOptimiser(Factored(lr=ConstantSchedule(1e-2)), encoder)}
        return state

    state, resumed = fresh(), fresh()
    step(state)
    checkpoint.save(state, tmp_path / "1")
    checkpoint.load(resumed, tmp_path / "1")
    step(state)
    step(resumed)
    assert_same_bits(tensors_of(resumed), tensors_of(state))


def test_a_checkpoint_in_a_folder_of_another_step_is_refused(tmp_path):
    checkpoint.save(state_of(Pictures()), tmp_path / "step-00000000")
    assert checkpoint.read_facts(tmp_path / "step-00000000")["step"] == 0
    (tmp_path / "step-00000000").rename(tmp_path / "step-00000005")
    with pytest.raises(UsageError) as caught:
        checkpoint.read(tmp_path / "step-00000005")
    assert_names(caught.value, tmp_path / "step-00000005", "step 0")
