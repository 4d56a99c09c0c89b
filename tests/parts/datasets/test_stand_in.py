"""Synthetic samples, which replace missing data and have the same shape."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch
from support.commands import genkit, refused
from support.messages import assert_names

from genkit.core.dataset import LabelledDataset
from genkit.core.noise import Noise, Rows
from genkit.parts.datasets.stand_in import StandIn
from genkit.recipe.text.document_of import document_of
from genkit.recipe.trial.stand_in import with_stand_in

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


def test_labels_are_given_in_turn_and_leave_the_samples_as_they_are() -> None:
    plain, labelled = StandIn((1, 6, 6), size=10), StandIn((1, 6, 6), size=10, classes=3)
    assert isinstance(plain, LabelledDataset) and plain.has_labels() is None and plain.class_labels() is None
    for without, data in ((plain, labelled), (plain.held_out(), labelled.held_out())):
        indices = torch.tensor([7, 0, 3, 5])
        noise = Noise(0, 0, "data", Rows.all(4))
        found = data.batch(indices, noise)
        assert found.extra["label"].tolist() == [1, 0, 0, 2] and found.extra["label"].dtype == torch.int64
        assert torch.equal(found.x, without.batch(indices, noise).x) and not without.batch(indices, noise).extra
        assert data.has_labels() and data.class_labels().tolist() == [0, 1, 2] * 3 + [0]


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


CONDITIONAL = RECIPE.replace(
    'use = "small-conv"\nchannels = [8, 8]\nlatent_dim = 2\nhidden = 4',
    'use = "conditional"\nclasses = 7\nnetwork = { use = "small-conv", channels = [8, 8], latent_dim = 2, hidden = 4 }',
)
PER_CLASS = RECIPE.replace("hidden = 4", 'hidden = 4\nprior = { use = "per-class", classes = 7 }')


@pytest.mark.trains
@pytest.mark.parametrize("recipe", [CONDITIONAL, PER_CLASS])
def test_a_conditional_recipe_runs_without_its_data(tmp_path: Path, recipe: str) -> None:
    path = tmp_path / "absent.toml"
    path.write_text(recipe + "[metrics.label-accuracy]\nsamples = 8\n")
    ran = genkit("run", path, "--stand-in", "--runs", tmp_path, "--quiet")
    assert ran.code == 0, ran.err
    (folder,) = tmp_path.glob("*-s0")
    assert tomllib.loads((folder / "recipe.resolved.toml").read_text())["data"]["classes"] == 7


def test_the_stand_in_has_labels_only_for_a_conditional_model(tmp_path: Path) -> None:
    for text, classes in ((RECIPE, None), (CONDITIONAL, 7), (PER_CLASS, 7)):
        (tmp_path / "absent.toml").write_text(text)
        table = with_stand_in(document_of(tmp_path / "absent.toml", ())).tables["data"]
        assert table.get("classes") == classes and ("classes" in table) == (classes is not None)


def test_a_mistake_of_the_model_is_reported_alone(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    path.write_text(CONDITIONAL.replace("classes = 7", "classes = -7"))
    message = refused("plan", path, "--stand-in")
    assert_names(message, "classes", "-7")
    assert "labels" not in message


def test_a_recipe_without_data_is_refused_with_all_that_it_lacks(tmp_path: Path) -> None:
    recipe = tmp_path / "empty.toml"
    recipe.write_text("")
    message = refused("plan", recipe, "--stand-in")
    assert "null" not in message
    assert_names(message, f"{recipe} data: missing", f"{recipe} model: missing")


@pytest.mark.parametrize("recipe", [CONDITIONAL, PER_CLASS])
def test_a_written_stand_in_without_classes_is_refused_by_the_plan(tmp_path: Path, recipe: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(recipe.replace('use = "mnist"\npath = "nowhere"', 'use = "stand-in"\nshape = [1, 28, 28]'))
    assert_names(refused("plan", path), "own.toml:3 data: ", "no labels", "7 classes")
    assert genkit("plan", path, "--set", "data.classes=7").code == 0
