"""`genkit encode`: codes, names and labels of a split and of the user's own pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.core.noise import Noise, Rows
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.runs.trained_models import load as python

pytestmark = pytest.mark.trains

CLASSES = IMAGES.replace(
    'use = "digits"', 'use = "image-folder"\npath = "{path}"\nresolution = 12\nchannels = 1\nflip = true'
)


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def train(root: Path, recipe: str, *options: str) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        result = genkit("run", write_recipe(root, recipe), "--runs", root / "runs", "-q", *options)
    assert result.code == 0, result.err
    return root / "runs" / "0001-tiny-s0"


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("digits"), IMAGES, "--set", "data.classes=[3, 7]")


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("points"), TINY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("folder")
    for split, start in (("train", 0), ("test", 50)):
        for number, name in enumerate(("cats", "dogs")):
            write_folder(root / "data" / split / name, 20, start=start + 100 * number)
    train(root, CLASSES.format(path=root / "data"))
    return root


def encoded(*arguments: object) -> tuple[dict, np.ndarray, list[dict]]:
    """Return what the command prints, the codes, and the rows of the table."""
    result = genkit("encode", *arguments, "--json")
    assert result.code == 0, result.err
    facts = json.loads(result.out)
    with open(facts["written"][1], newline="") as file:
        return facts, np.load(facts["written"][0]), list(csv.DictReader(file))


def codes_of(run: Path, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        mu, logvar = python.load(run).encoder(x)
    return mu.numpy(), logvar.numpy()


def test_codes_of_the_held_out_split_with_their_labels(digits):
    facts, codes, rows = encoded(digits, "--logvar", "--out", "own/a.npy")
    assert facts["written"] == ["own/a.npy", "own/a.csv", "own/a-logvar.npy"]
    data = Digits(classes=(3, 7)).held_out()
    samples = data.batch(torch.arange(200), Noise(0, 0, "x", Rows.all(200)))
    mu, logvar = codes_of(digits, samples.x)
    assert codes.dtype == np.float32 and codes == pytest.approx(mu, abs=1e-5)
    assert np.load("own/a-logvar.npy") == pytest.approx(logvar, abs=1e-5)
    assert [row["label"] for row in rows] == [str(label) for label in samples.extra["label"].tolist()]
    assert [row["name"] for row in rows] == [str(index) for index in range(200)]


def test_chunks_are_written_one_below_the_other(digits, monkeypatch):
    _, whole, rows = encoded(digits, "--out", "a")
    monkeypatch.setattr("genkit.evaluation.draws.CHUNK", 7)
    _, chunked, same = encoded(digits, "--out", "b")
    assert chunked == pytest.approx(whole, abs=1e-5) and rows == same


def test_pictures_of_the_user_have_their_sub_folder_as_label(folder):
    run = folder / "runs" / "0001-tiny-s0"
    facts, codes, rows = encoded(run, "--data", folder / "data" / "test")
    assert facts["written"][0] == f"{run}/codes-of-test-raw.npy" and facts["samples"] == 40
    assert [row["label"] for row in rows] == ["cats"] * 20 + ["dogs"] * 20
    assert rows[0]["name"] == "cats/0050.png"
    _, of_split, rows_of_split = encoded(run)  # the same pictures, as the held-out split
    assert codes == pytest.approx(of_split, abs=1e-5) and rows == rows_of_split
    np.savez("x.npz", pictures=np.stack([noise_picture(12, 12, 1, n) for n in range(3)]), labels=np.array([5, 6, 5]))
    facts, _, rows = encoded(run, "--data", "x.npz")
    assert [row["label"] for row in rows] == ["5", "6", "5"]
    assert facts["written"][0] == f"{run}/codes-of-x-raw.npy"


def test_training_pictures_are_not_mirrored(folder):
    run = folder / "runs" / "0001-tiny-s0"
    facts, codes, rows = encoded(run, "--split", "train", "--out", "a")
    data = ImageFolder(path=folder / "data", resolution=12, channels=1)
    x = data.batch(torch.arange(40), Noise(0, 0, "x", Rows.all(40))).x
    assert codes == pytest.approx(codes_of(run, x)[0], abs=1e-5)
    assert [row["label"] for row in rows] == ["cats"] * 20 + ["dogs"] * 20
    assert "train split" in facts["of"]


def test_a_number_of_samples_is_chosen_at_random(digits, points):
    _, whole, _ = encoded(digits, "--out", "a")
    facts, codes, rows = encoded(digits, "-n", 20, "--out", "b")
    assert facts["samples"] == 20 and "20 of the 200 samples" in facts["of"]
    assert codes == pytest.approx(whole[[int(row["name"]) for row in rows]], abs=1e-5)
    assert len({row["name"] for row in rows}) == 20 and [row["name"] for row in rows] != [str(n) for n in range(20)]
    assert encoded(points, "-n", 9, "--out", "c")[1].shape == (9, 2)
    assert encoded(points, "--out", "d")[1].shape == (10_000, 2)  # a density has no end


def test_a_conditional_encoder_reads_the_labels_of_the_split(tmp_path):
    text = IMAGES.replace('use = "small-conv"', 'use = "conditional"\nclasses = 10\nnetwork.use = "small-conv"')
    for key in ("latent_dim", "channels", "hidden"):
        text = text.replace(f"\n{key}", f"\nnetwork.{key}")
    run = train(tmp_path, text)
    samples = Digits().held_out().batch(torch.arange(1000), Noise(0, 0, "x", Rows.all(1000)))
    model = python.load(run)
    with torch.no_grad(), model.given({"label": samples.extra["label"]}):
        expected = model.encoder(samples.x).mu.numpy()
    with torch.no_grad(), model.given({"label": (samples.extra["label"] + 1) % 10}):
        other = model.encoder(samples.x).mu.numpy()
    codes = encoded(run, "--out", "a")[1]
    assert codes == pytest.approx(expected, abs=1e-5) and codes != pytest.approx(other, abs=1e-3)
    write_folder(Path("mine"), 2)
    assert_names(nothing_written(run, "--data", "mine"), "--data mine: ", "class")


# Refusals. Nothing is written.


def nothing_written(run: Path, *arguments: object) -> str:
    before = {path for place in (Path.cwd(), run) for path in place.rglob("*")}
    message = refused("encode", run, *arguments)
    assert {path for place in (Path.cwd(), run) for path in place.rglob("*")} == before
    return message


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--split", "val"], ["--split val: ", "test", "train"]),
        (["--data", "x", "--split", "test"], ["--data x: ", "--split"]),
        (["--data", "x", "--number", "3"], ["--data x: ", "--number"]),
        (["--data", "x"], ["--data x: not found"]),
        (["--set", "train.steps=3"], ["--set train.steps=3: "]),
        (["--set", "data.classes=[0]"], ["changed"]),
        (["--number", "0"], ["--number"]),
        (["--weights", "ema"], ["ema"]),
    ],
)
def test_mistakes_are_named(digits, options, named):
    assert_names(nothing_written(digits, *options), *named)


def test_a_bad_picture_leaves_no_file_and_no_folder(folder, monkeypatch):
    run = folder / "runs" / "0001-tiny-s0"
    monkeypatch.setattr("genkit.evaluation.draws.CHUNK", 2)
    write_folder(Path("mixed"), 5)
    write_picture(Path("mixed/z.png"), noise_picture(1, 1))
    assert_names(nothing_written(run, "--data", "mixed", "--out", "new/deep/a"), "--data mixed: 1 of 6", "z.png: ")
    Path("mixed/z.png").unlink()
    assert_names(nothing_written(run, "--data", "mixed", "--out", "mixed/a"), "--out mixed/a: ", "--data")
    assert encoded(run, "--data", "mixed", "--out", "new/deep/a")[1].shape == (5, 4)


def test_codes_that_are_not_finite_are_refused(digits, monkeypatch):
    monkeypatch.setattr("genkit.core.diag_normal.DiagNormal.__new__", broken_posterior)
    message = nothing_written(digits, "--out", "a")
    assert_names(message, "test: ", "not finite")


def broken_posterior(cls, mu, logvar):
    return tuple.__new__(cls, (mu + torch.nan, logvar))


def test_models_without_an_encoder_or_of_points_are_refused(digits, points, monkeypatch, folder):
    assert_names(nothing_written(points, "--data", folder / "data"), f"--data {folder}/data: ", "(2,)")
    monkeypatch.setattr("genkit.core.model.Autoencoder", int)  # so that the model is not one
    assert_names(nothing_written(digits), f"{digits}: ", "no encoder")
