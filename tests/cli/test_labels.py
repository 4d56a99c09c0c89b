"""`genkit sample --label`, and the pictures of a conditional run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import TINY, genkit, refused
from support.messages import assert_names

from genkit.core.condition import ClassFacts
from genkit.engine.distributed import World
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.load import load
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.model_folder import write_model

RECIPE = """
title = "conditional"

[data]
use = "image-folder"
path = "pictures"
resolution = 8
channels = 1
hold_out = 0.4

[model]
use = "small-conv"
channels = [2]
hidden = 4
latent_dim = 2

[model.prior]
use = "per-class"
means = [[90.0, 0.0], [0.0, 0.0], [-90.0, 0.0]]
logvars = -10.0

[loss]
use = "vae"

[optimiser.encoder]
use = "adam"
lr = 1e-3

[optimiser.decoder]
use = "adam"
lr = 1e-3

[train]
steps = 1
batch_size = 2
"""


@pytest.fixture
def run(isolated, own_cache) -> Path:
    """Make the model folder of a conditional model, which is not trained: pictures of three classes."""
    for label, (name, number) in enumerate({"ant": 8, "bee": 4, "cow": 4}.items()):
        folder = Path("pictures", name)
        folder.mkdir(parents=True)
        for index in range(number):
            Image.new("L", (8, 8), 80 * label + index).save(folder / f"{index}.png")
    Path("conditional.toml").write_text(RECIPE)
    plan = make_plan("conditional.toml")
    folder = RunFolder.create(Path("runs"), plan.document, dict(plan.resolved))
    write_model(LiveRun.open(plan, folder, World()), folder.final, {})
    folder.results.write_text("[]")
    return folder.path


def sampled(*arguments: object) -> tuple[dict, np.lib.npyio.NpzFile]:
    result = genkit("sample", *arguments, "--out", "drawn", "--json")
    assert result.code == 0, result.err
    return json.loads(result.out), np.load("drawn.npz")


def decoded_class(run: Path, samples: np.ndarray) -> list[int]:
    """Return the class whose mean decodes to each sample: the variances are small."""
    model = load(run)
    with torch.no_grad():
        centres = model.sample(model.prior.means)
    distances = (torch.from_numpy(samples)[:, None] - centres).flatten(2).norm(dim=2)
    return distances.argmin(dim=1).tolist()


def test_a_model_folder_knows_the_classes_without_the_data(run):
    facts = load(run).class_facts
    assert facts.names == ("ant", "bee", "cow")
    assert sum(facts.frequencies) == pytest.approx(1) and facts.frequencies[0] > facts.frequencies[1]
    about = run / "final" / "about.json"
    stored = json.loads(about.read_text())
    short, other = {"frequencies": [1.0], "names": ["a", "b", "c"]}, {"frequencies": [0.5, 0.2, 0.3], "names": ["a"]}
    for damaged in (short, other, "three", None):
        about.write_text(json.dumps({**stored, "classes": damaged}))
        assert load(run).class_facts == ClassFacts.equal(3)


def test_labels_choose_the_classes_by_name_and_by_number(run):
    for label in ("cow,ant", "2,0", "cow, 0"):
        facts, arrays = sampled(run, "--label", label)
        assert facts["classes"] == ["cow", "ant"] and facts["samples"] == 16
        assert arrays["label"].tolist() == [2] * 8 + [0] * 8
        assert decoded_class(run, arrays["sample"]) == arrays["label"].tolist()


def test_the_number_is_that_of_each_class_and_a_grid_is_divided(run):
    assert sampled(run, "--label", "bee", "-n", 3)[1]["label"].tolist() == [1] * 3
    assert sampled(run, "--label", "bee,cow", "-n", 3)[1]["label"].tolist() == [1] * 3 + [2] * 3
    assert sampled(run, "--label", "bee,cow", "--grid", "4x5")[1]["label"].tolist() == [1] * 10 + [2] * 10
    assert_names(refused("sample", run, "--label", "0,1", "--grid", "3x5"), "--grid 3x5", "--label 0,1", "--grid 2x5")


def test_without_a_label_there_is_a_row_for_each_class_or_drawn_ones(run):
    facts, arrays = sampled(run)
    assert facts["classes"] == ["ant", "bee", "cow"]
    assert arrays["label"].tolist() == [0] * 8 + [1] * 8 + [2] * 8
    facts, arrays = sampled(run, "-n", 400)
    assert "classes" not in facts and decoded_class(run, arrays["sample"]) == arrays["label"].tolist()
    shares = np.bincount(arrays["label"], minlength=3) / 400
    np.testing.assert_allclose(shares, load(run).class_facts.frequencies, atol=0.1)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("bea", ('"bea"', "bee")),
        ("7", ('"7"', "ant, bee, cow")),
        ("-1", ('"-1"',)),
        ("", ('""',)),
        ("ant,0", ("ant twice",)),
        ("0,,1", ('""',)),
    ],
)
def test_labels_that_are_no_classes_are_refused(run, label, names):
    assert_names(refused("sample", run, f"--label={label}", "--out", "drawn"), f"--label {label}", *names)
    assert not Path("drawn.npz").exists()


def test_names_that_are_numbers_are_not_mistaken_for_labels(run):
    about = run / "final" / "about.json"
    stored = json.loads(about.read_text())
    stored["classes"]["names"] = ["3", "5", "10"]
    about.write_text(json.dumps(stored))
    assert sampled(run, "--label", "10")[1]["label"].tolist() == [2] * 8
    assert_names(refused("sample", run, "--label", "1"), '"1"', "3, 5, 10")


def test_a_model_without_conditions_refuses_labels(isolated):
    Path("tiny.toml").write_text(TINY)
    plan = make_plan("tiny.toml")
    folder = RunFolder.create(Path("runs"), plan.document, dict(plan.resolved))
    write_model(LiveRun.open(plan, folder, World()), folder.final, {})
    folder.results.write_text("[]")
    assert_names(refused("sample", folder.path, "--label", "3"), "--label 3", str(folder.path), "per-class")


def test_a_folder_without_classes_is_refused(run):
    for picture in Path("pictures").glob("*/*.png"):
        picture.rename(Path("pictures", f"{picture.parent.name}{picture.name}"))
    assert_names(refused("plan", "conditional.toml"), "conditional.toml:4 data", "no labels", "sub-folder")


@pytest.mark.trains
def test_the_pictures_of_a_run_have_a_row_for_each_class(run):
    result = genkit("run", "conditional.toml", "-q", "--runs", "trained")
    assert result.code == 0, result.err
    trained = Path("trained", "0001-conditional-s0")
    with Image.open(trained / "figures" / "samples.png") as picture:
        assert picture.height < picture.width  # three rows of eight
    resumed = json.loads((trained / "final" / "about.json").read_text())["classes"]
    assert resumed["names"] == ["ant", "bee", "cow"]


@pytest.fixture
def networks(run) -> Path:
    """Make the model folder of conditional networks, which are not trained."""
    begin, end = RECIPE.index("[model]"), RECIPE.index("[loss]")
    network = (
        '[model]\nuse = "conditional"\nclasses = 3\nnetwork = { use = "small-conv", channels = [2], hidden = 4 }\n\n'
    )
    Path("networks.toml").write_text(RECIPE[:begin] + network + RECIPE[end:])
    plan = make_plan("networks.toml")
    folder = RunFolder.create(Path("networks"), plan.document, dict(plan.resolved))
    write_model(LiveRun.open(plan, folder, World()), folder.final, {})
    folder.results.write_text("[]")
    return folder.path


def test_conditional_networks_read_the_labels_that_the_data_have(networks):
    result = genkit("reconstruct", networks, "-n", 6, "--out", "held_out")
    assert result.code == 0, result.err
    x = torch.from_numpy(np.load("held_out.npz")["input"])
    labels = (255 * x[:, 0, 0, 0] / 80).long()  # the level of a picture is 80 times its class
    with torch.no_grad():
        q = load(networks).encode(x, {"label": labels})
        expected = load(networks).decode(q.mu, {"label": labels})
    np.testing.assert_allclose(np.load("held_out.npz")["reconstruction"], expected, atol=1e-5)
    assert sampled(networks, "--label", "cow")[1]["label"].tolist() == [2] * 8
    assert genkit("interpolate", networks, "--between", "samples", "-n", 2, "--out", "paths").code == 0


def test_conditional_networks_refuse_samples_whose_class_is_unknown(networks):
    own = ("reconstruct", networks, "--data", "pictures/ant", "--out", "own")
    assert_names(refused(*own), "--data pictures/ant", "class")
    assert_names(refused("interpolate", networks, "--out", "own"), "--between samples", "class")
    assert_names(refused("encode", networks, "--data", "pictures/ant", "--out", "own"), "--data pictures/ant", "class")
    assert not list(Path.cwd().glob("own*"))
