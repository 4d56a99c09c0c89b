"""Synthetic samples, which replace missing data and have the same shape."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.commands import genkit, refused
from support.messages import assert_names

from genkit.core.noise import Noise, Rows
from genkit.parts.datasets.stand_in import StandIn

RECIPE = """
title = "absent"
[data]
use = "mnist"
path = "nowhere"
[model]
use = "small-conv"
channels = [8, 8]
latent_dim = 2
hidden = 4
[loss]
use = "vae"
[optimiser.encoder]
use = "adam"
lr = 1e-3
[optimiser.decoder]
use = "adam"
lr = 1e-3
[train]
steps = 2
batch_size = 4
"""


def read(data: StandIn, *indices: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    noise = Noise(0, 0, "data", Rows.all(len(indices)), dtype=dtype)
    return data.batch(torch.tensor(indices), noise).x


@pytest.mark.parametrize("shape", [(2,), (1, 28, 28), (3, 8, 12)])
def test_samples_have_the_shape_are_in_0_to_1_and_differ(shape: tuple[int, ...]) -> None:
    x = read(StandIn(shape), *range(50))
    assert x.shape == (50, *shape)
    assert 0 <= x.min() < 0.05 and 0.95 < x.max() <= 1
    assert torch.pdist(x.flatten(1)).min() > 1e-3


def test_a_sample_depends_only_on_its_index() -> None:
    data = StandIn((1, 6, 6), size=10)
    assert torch.equal(read(data, 3, 7), read(data, 7, 0, 3)[[2, 0]])
    assert read(data, 3, dtype=torch.float64).dtype == torch.float64


def test_held_out_samples_differ_from_training_samples() -> None:
    data = StandIn((1, 6, 6), size=10)
    trained, held_out = read(data, *range(10)), read(data.held_out(), *range(10))
    assert torch.cdist(trained.flatten(1), held_out.flatten(1)).min() > 1e-3
    assert data.held_out().held_out() == data.held_out()


def test_a_shape_that_is_neither_point_nor_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape = \[3, 4\]"):
        StandIn((3, 4))


@pytest.mark.trains
def test_a_recipe_runs_without_its_data(tmp_path: Path) -> None:
    recipe = tmp_path / "absent.toml"
    recipe.write_text(RECIPE)
    assert_names(refused("run", recipe, "--runs", tmp_path), "train-images-idx3-ubyte")
    planned = genkit("plan", recipe, "--stand-in")
    assert planned.code == 0 and "stand-in" in planned.out
    ran = genkit("run", recipe, "--stand-in", "--runs", tmp_path, "--quiet")
    assert ran.code == 0, ran.err
    (folder,) = tmp_path.glob("*-s0")
    assert 'use = "stand-in"' in (folder / "recipe.resolved.toml").read_text()


def test_a_recipe_without_data_is_refused_with_all_that_it_lacks(tmp_path: Path) -> None:
    recipe = tmp_path / "empty.toml"
    recipe.write_text("")
    message = refused("plan", recipe, "--stand-in")
    assert "null" not in message
    assert_names(message, f"{recipe} data: missing", f"{recipe} model: missing")
