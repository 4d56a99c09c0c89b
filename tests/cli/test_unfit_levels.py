"""Pictures whose values are not those that the levels of the recipe were made for: remarks, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_picture

pytestmark = pytest.mark.trains

WINDOW = (1000, 60_000)
RECIPE = IMAGES.replace(
    'use = "digits"',
    'use = "image-folder"\npath = "{path}"\nresolution = 12\nchannels = 1\nwindow = [{low}, {high}]',
)
READERS = (("score",), ("anomaly",), ("encode",), ("reconstruct",), ("interpolate",))


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def write_deep(path: Path, seed: int, low: int = 0, high: int = 65_535) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(low, high, (12, 12)).astype(np.uint16)).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return a folder with 16-bit pictures, and sets of other depths."""
    root = tmp_path_factory.mktemp("levels")
    for split, start, number in (("train", 0, 40), ("test", 100, 30)):
        for seed in range(start, start + number):
            write_deep(root / "deep" / split / f"{seed}.png", seed)
    for seed in range(4):
        write_picture(root / "shallow" / f"{seed}.png", noise_picture(12, 12, 1, seed))
        write_deep(root / "bright" / f"{seed}.png", seed, 61_000, 65_000)
        write_deep(root / "narrow" / f"{seed}.png", seed, 2000, 6000)
        write_deep(root / "mostly" / f"{seed}.png", seed, 0, 1800)
        write_deep(root / "fitting" / f"{seed}.png", seed)
    return root


@pytest.fixture(scope="module")
def run(root) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        recipe = write_recipe(root, RECIPE.format(path=root / "deep", low=WINDOW[0], high=WINDOW[1]))
        result = genkit("run", recipe, "--runs", root / "runs")
    assert result.code == 0, result.err
    assert "outside" not in result.out
    return root / "runs" / "0001-tiny-s0"


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
@pytest.mark.parametrize("place", ["shallow", "bright"])
def test_a_set_that_clipping_makes_constant_is_refused(root, run, command, place):
    before = sorted(run.rglob("*"))
    message = refused(*command, run, "--data", root / place)
    assert_names(message, f"--data {root / place}: ", "window [1000, 60000]")
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
@pytest.mark.parametrize(("place", "remarked"), [("narrow", True), ("mostly", True), ("fitting", False)])
def test_a_set_of_another_range_is_remarked(root, run, command, place, remarked):
    result = genkit(*command, run, "--data", root / place, "--out", "x")
    assert result.code == 0, result.err
    assert (f"remark: --data {root / place}: " in result.err) == remarked
    assert ("window [1000, 60000]" in result.err) == remarked


def test_the_shares_are_those_counted_by_hand(root, run):
    [_, other] = json.loads(genkit("score", run, "--data", root / "mostly", "--out", "x", "--json").out)["sets"]
    values = np.stack([np.asarray(Image.open(path)) for path in sorted((root / "mostly").iterdir())])
    assert other["values"] == {
        "least": values.min(),
        "most": values.max(),
        "below": pytest.approx((values < 1000).mean()),
        "above": 0,
        "flat": 0,
    }
    for command in ("encode", "anomaly"):
        facts = json.loads(genkit(command, run, "--data", root / "mostly", "--out", "x", "--json").out)
        assert facts["values"] == other["values"], command


def test_one_flat_picture_among_others_is_no_reason_to_refuse(root, run):
    for name, low, high in (("a", 0, 900), ("b", 0, 65_000)):
        write_deep(Path("mixed") / f"{name}.png", 1, low, high)
    [_, other] = json.loads(genkit("score", run, "--data", "mixed", "--json").out)["sets"]
    assert other["values"]["flat"] == 1


def test_training_pictures_of_another_range_are_remarked_or_refused(root, run):
    for (low, high), code, named in (((0, 700_000), 0, "remark"), ((1000, 2000), 0, "remark"), ((-9, -1), 2, "window")):
        recipe = write_recipe(Path(), RECIPE.format(path=root / "deep", low=low, high=high))
        for command in (("data", "check"), ("data", "prepare"), ("run",)):
            result = genkit(*command, recipe)
            assert result.code == code, (command, result)
            shown = result.out + result.err
            if code:
                assert_names(shown, "[data] ", named)
            else:
                assert_names(shown, "levels" if command[-1] == "check" else f"window [{low}, {high}]")
    recipe = write_recipe(Path(), RECIPE.format(path=root / "deep", low=0, high=700_000))
    prepared = json.loads(genkit("data", "prepare", recipe, "--json").out)["prepared"]
    assert all("window [0, 700000]" in each["remark"] for each in prepared)
