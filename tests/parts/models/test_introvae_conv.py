"""Published residual autoencoder: sizes, names of weights, arithmetic, and runs that are loaded and resumed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import torch
from support.tiny_recipes import assert_same_bits, tensors_of
from torch import Tensor, nn
from torch.nn import functional as f
from torch.utils.flop_counter import FlopCounterMode

import genkit
from genkit.core.layers.norm import Norm
from genkit.core.model import Model, evaluating
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.errors import RecipeError
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.recipe.plan import Plan
from genkit.runs.training import checkpoint, draw_during_training

pytestmark = pytest.mark.trains

FIVE, SIX = (64, 128, 256, 512, 512), (64, 128, 256, 512, 512, 512)

# data shape, latent_dim, channels, parameters of encoder and decoder, and their multiplications per image in 10⁹
PUBLISHED = [
    pytest.param((1, 28, 28), 32, (64, 128), (928_512, 697_025), (0.061, 0.097), id="MNIST"),
    pytest.param((3, 32, 32), 128, (64, 128, 256), (3_382_848, 2_382_531), (0.142, 0.161), id="CIFAR-10"),
    pytest.param((3, 128, 128), 128, FIVE, (16_364_096, 13_073_091), (3.28, 3.13), id="128x128, L = 128"),
    pytest.param((3, 128, 128), 256, FIVE, (18_461_504, 14_121_667), (3.28, 3.13), id="128x128, L = 256"),
    pytest.param((3, 256, 256), 256, SIX, (23_182_144, 18_842_307), (13.2, 12.6), id="256x256, L = 256"),
]


@pytest.mark.parametrize(("shape", "latent_dim", "channels", "parameters", "multiplications"), PUBLISHED)
def test_the_networks_have_the_published_size(shape, latent_dim, channels, parameters, multiplications) -> None:
    with torch.device("meta"):
        model = IntroVAEConv(latent_dim=latent_dim, channels=channels, norm="batch", data_shape=shape)
        assert tuple(sum(p.numel() for p in child.parameters()) for child in model.children()) == parameters
        for network, x, expected in zip(
            model.children(), (torch.empty(2, *shape), torch.empty(2, latent_dim)), multiplications
        ):
            with FlopCounterMode(display=False) as count:
                network(x)
            assert count.get_total_flops() / 2 / 2 / 1e9 == pytest.approx(expected, rel=0.01)


def test_the_weights_have_the_documented_names() -> None:
    model = IntroVAEConv(channels=(8, 16), norm="batch", data_shape=(1, 8, 8))
    norm = [f".{name}" for name in nn.BatchNorm2d(1).state_dict()]
    block = ["conv1.weight", "conv2.weight", *(f"{name}{of}" for name in ("norm1", "norm2") for of in norm)]
    assert set(model.state_dict()) == {
        *("encoder.main.0.weight", *(f"encoder.main.1{of}" for of in norm)),
        *("encoder.fc.weight", "encoder.fc.bias", "decoder.fc.0.weight", "decoder.fc.0.bias"),
        *("decoder.main.predict.weight", "decoder.main.predict.bias"),
        *("encoder.main.res_0.shortcut.weight", "decoder.main.res_1.shortcut.weight"),
        *(f"encoder.main.res_{number}.{name}" for number in (0, 1) for name in block),
        *(f"decoder.main.res_{number}.{name}" for number in (0, 1, 2) for name in block),
    }


class Published:
    """Published networks, written by hand for a state dict of ours: channels (8, 16, 16) down and (16, 16, 8) up."""

    def __init__(self, state: dict[str, Tensor], sums: bool) -> None:
        self.state, self.sums = state, sums

    def norm(self, x: Tensor, name: str) -> Tensor:
        return f.batch_norm(x, None, None, self.state[f"{name}.weight"], self.state[f"{name}.bias"], training=True)

    def residual(self, x: Tensor, name: str) -> Tensor:
        y = f.conv2d(x, self.state[f"{name}.conv1.weight"], padding=1)
        y = f.conv2d(f.leaky_relu(self.norm(y, f"{name}.norm1"), 0.2), self.state[f"{name}.conv2.weight"], padding=1)
        if (shortcut := self.state.get(f"{name}.shortcut.weight")) is not None:
            x = f.conv2d(x, shortcut)
        y = self.norm(y + x, f"{name}.norm2") if self.sums else self.norm(y, f"{name}.norm2") + x
        return f.leaky_relu(y, 0.2)

    def encode(self, x: Tensor) -> Tensor:
        x = f.conv2d(x, self.state["encoder.main.0.weight"], padding=2)
        x = f.avg_pool2d(f.leaky_relu(self.norm(x, "encoder.main.1"), 0.2), 2)
        x = f.avg_pool2d(self.residual(x, "encoder.main.res_0"), 2)
        x = f.avg_pool2d(self.residual(x, "encoder.main.res_1"), 2)
        x = self.residual(x, "encoder.main.res_2").reshape(len(x), -1)
        return x @ self.state["encoder.fc.weight"].T + self.state["encoder.fc.bias"]

    def decode(self, z: Tensor, smallest: tuple[int, ...]) -> Tensor:
        x = (z @ self.state["decoder.fc.0.weight"].T + self.state["decoder.fc.0.bias"]).relu()
        x = x.reshape(-1, *smallest)
        for number in (0, 1, 2):
            x = self.residual(x, f"decoder.main.res_{number}").repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = self.residual(x, "decoder.main.res_3")
        return f.conv2d(x, self.state["decoder.main.predict.weight"], self.state["decoder.main.predict.bias"], 1, 2)


@pytest.mark.parametrize("normalise", ["branch", "sum"])
def test_the_networks_compute_the_published_function(normalise) -> None:
    torch.manual_seed(0)
    model = IntroVAEConv(
        latent_dim=3, channels=(8, 16, 16), norm="batch", normalise=normalise, data_shape=(3, 16, 24)
    ).double()
    published = Published(model.state_dict(), normalise == "sum")
    x, z = torch.rand(5, 3, 16, 24, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    posterior = model.encoder(x)
    torch.testing.assert_close(torch.cat([posterior.mu, posterior.logvar], dim=1), published.encode(x))
    torch.testing.assert_close(model.sample(z), published.decode(z, (16, 2, 3)))


def projections(shortcut: str, child: str) -> list[bool]:
    """Return for each residual block whether it has a Conv1x1 in its shortcut."""
    with torch.device("meta"):
        model = IntroVAEConv(
            channels=(64, 256, 256, 300, 300, 300), norm="none", shortcut=shortcut, data_shape=(3, 64, 64)
        )
    blocks = [block for name, block in getattr(model, child).main.named_children() if name.startswith("res_")]
    return [isinstance(block.shortcut, nn.Conv2d) for block in blocks]


def test_a_shortcut_is_a_convolution_where_the_channels_change() -> None:
    assert projections("where-channels-change", "encoder") == [True, False, True, False, False, False]
    assert projections("where-channels-change", "decoder") == [False, False, False, True, False, True, False]


def test_a_shortcut_is_a_convolution_where_parsed_integers_are_different_objects() -> None:
    # The published code asks `inputs is not outputs` of integers that were parsed one by one.
    channels = [int(text) for text in ("64", "256", "256", "300", "300", "300")]
    between = [a is not b for a, b in pairwise(channels)]
    assert projections("also-above-256", "encoder") == [*between, False]
    assert projections("also-above-256", "decoder") == [False, *reversed(between), False]


def test_weights_and_maps_are_kept_channels_last() -> None:
    model = IntroVAEConv(latent_dim=2, channels=(8, 16), data_shape=(3, 8, 12))
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in model.parameters() if p.dim() == 4)
    maps = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: maps.extend([*inputs, output]))
    model.reconstruct(torch.rand(4, 3, 8, 12))
    assert len(maps) == 2 * len([module for module in model.modules() if isinstance(module, nn.Conv2d)])
    assert all(map_.is_contiguous(memory_format=torch.channels_last) for map_ in maps)


# Runs


def recipe_of(norm: Norm, steps: int = 3) -> genkit.Recipe:
    adam = genkit.Use("adam", lr=1e-2)
    return genkit.Recipe(
        title="images",
        data=genkit.Use("digits"),
        model=genkit.Use("introvae-conv", latent_dim=3, channels=(8, 8), norm=norm),
        loss=genkit.Use("vae"),
        optimiser={"encoder": adam, "decoder": adam},
        train=genkit.Train(steps=steps, batch_size=8),
        ema=genkit.EMA(decay=0.5),
        report=genkit.Report(draw_every=steps),
    )


@pytest.mark.parametrize("norm", get_args(Norm))
def test_a_loaded_model_computes_the_images_of_the_last_preview(norm: Norm, tmp_path: Path, monkeypatch) -> None:
    z, x = torch.randn(4, 3), torch.rand(4, 1, 28, 28)
    drawn: list[tuple[Tensor, Tensor]] = []

    def record(folder: Path, stem: str, title: str, model: Model, *others: object) -> list[Path]:
        with evaluating(model):
            drawn.append((model.sample(z), model.reconstruct(x)))
        return []

    monkeypatch.setattr(draw_during_training, "save_previews", record)
    run = genkit.train(recipe_of(norm), runs=tmp_path)
    loaded = genkit.load(run.path, weights="ema").module
    with torch.no_grad():
        assert torch.equal(loaded.sample(z), drawn[-1][0])
        assert torch.equal(loaded.reconstruct(x), drawn[-1][1])
    assert not torch.equal(drawn[0][0], drawn[-1][0])


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_resumed_run_ends_in_the_same_bits(norm: Norm, tmp_path: Path) -> None:
    plan, world = genkit.make_plan(recipe_of(norm, steps=4)), World()
    uninterrupted = initial_state(plan, world)
    for record in train_steps(plan, uninterrupted, world):
        if record.step == 2:
            checkpoint.save(uninterrupted, tmp_path / "2")
    resumed = initial_state(plan, world)
    checkpoint.load(resumed, tmp_path / "2")
    assert all(p.stride() == q.stride() for p, q in zip(resumed.model.parameters(), uninterrupted.model.parameters()))
    list(train_steps(plan, resumed, world))
    assert resumed.step == 4
    assert_same_bits(tensors_of(resumed), tensors_of(uninterrupted))


def digits_plan(**changes: object) -> Plan:
    adam = genkit.Use("adam", lr=2e-4)
    return genkit.make_plan(
        genkit.Recipe(
            title="published size",
            data=genkit.Use("digits"),
            model=genkit.Use("introvae-conv", **{"latent_dim": 32, "channels": (64, 128), **changes}),
            loss=genkit.Use("vae"),
            optimiser={"encoder": adam, "decoder": adam},
            train=genkit.Train(steps=4, batch_size=128),
        )
    )


def test_the_plan_counts_three_forward_passes() -> None:
    cost = digits_plan().dry_run.costs["vae"]
    assert cost.flops / (2 * 128) == pytest.approx(3 * (0.061e9 + 0.097e9), rel=0.02)


def test_the_plan_names_the_sizes_that_work() -> None:
    with pytest.raises(RecipeError, match="28x28.*24x24"):
        digits_plan(channels=(64, 128, 256))


def test_the_plan_refuses_to_accumulate_with_a_batch_norm() -> None:
    recipe = recipe_of("sync-batch")
    with pytest.raises(RecipeError, match="a batch norm couples the samples of a batch"):
        genkit.make_plan(replace(recipe, train=replace(recipe.train, accumulate=2)))
