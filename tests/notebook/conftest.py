"""Runs that the tests of the Python API share."""

import pytest
from support.commands import IMAGES, TINY

import genkit

KEYS = {"train.steps": 6, "train.batch_size": 8, "report.log_every": 1, "checkpoint.every": 3}


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> genkit.Run:
    """Return a run on digits, with EMA weights and a metric."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.toml").write_text(IMAGES)
    recipe = genkit.read_recipe(folder / "digits.toml").set(KEYS, {"ema.decay": 0.5, "metrics.psnr.samples": 20})
    return genkit.train(recipe, folder / "runs", progress=False)


@pytest.fixture(scope="session")
def points(tmp_path_factory) -> genkit.Run:
    """Return a run on a density in the plane, in float64."""
    folder = tmp_path_factory.mktemp("points")
    (folder / "points.toml").write_text(TINY)
    recipe = genkit.read_recipe(folder / "points.toml").set("train.precision=fp64")
    return genkit.train(recipe, folder / "runs", progress=False)
