"""Commands on pictures with a window and groups: the numbers that they show, and a split that has changed."""

import json
import shutil

import numpy as np
import pytest
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names

from genkit.bases.pictures.source import is_held_out

DATA = """\
use = "image-folder"
path = "slices"
resolution = 8
channels = 1
window = [-1000, 1000]
groups = "patients.csv"
hold_out = 0.3
"""
RECIPE = (
    IMAGES.replace('use = "digits"\n', DATA)
    .replace("batch_size = 16", "batch_size = 4")
    .replace("steps = 5", "steps = 4")
)
PATIENTS = [f"p{number}" for number in range(10)]
HELD_OUT = [name for name in PATIENTS if is_held_out(name, 0.3)]


@pytest.fixture(autouse=True)
def place(isolated, own_cache, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return isolated


@pytest.fixture
def recipe(place):
    """Write a recipe, three slices of each of ten patients, and their groups."""
    (place / "slices").mkdir()
    for index in range(30):
        values = np.random.default_rng(index).normal(0, 600, (10, 12)).astype(np.int16)
        np.save(place / "slices" / f"{index:02d}.npy", values)
    write_groups(place, {})
    return write_recipe(place, RECIPE)


def write_groups(place, others):
    rows = [f"{index:02d}.npy,{others.get(index, PATIENTS[index % 10])}" for index in range(30)]
    (place / "patients.csv").write_text("\n".join(["file,group", *rows, "absent.npy,p0"]) + "\n")


def test_plan_and_check_show_the_numbers_of_groups_and_the_values(recipe):
    numbers = len(PATIENTS) - len(HELD_OUT), len(HELD_OUT)
    remarks = json.loads(genkit("plan", recipe, "--json").out)["remarks"]
    (remark,) = (text for text in remarks if "patients.csv" in text)
    train, test = (f"{number} group{'s' * (number != 1)} with {3 * number} pictures" for number in numbers)
    assert_names(remark, "[data] groups", train, test, "1 row ")
    result = genkit("data", "check", recipe)
    assert result.code == 0, result.err
    assert_names(result.out, f"{3 * numbers[0]} pictures, {numbers[0]} groups", "window [-1000, 1000]", "int16", "NPY")
    reports = json.loads(genkit("data", "check", recipe, "--json").out)["splits"]
    assert [(report["groups"], report["rows_without_picture"]) for report in reports] == [(n, 1) for n in numbers]
    assert all(0.01 < report["values"][side] < 0.1 for report in reports for side in ("below", "above"))
    assert "\nlevels" not in result.out
    narrow = genkit("data", "check", recipe, "--set", "data.window=[0, 1]")
    assert_names(narrow.out, "\nlevels ", "levels\n")  # a line, and its name in the verdict


def test_a_wrong_window_is_refused_at_its_line(recipe):
    assert_names(refused("plan", recipe, "--set", "data.window=[5, 5]"), "--set data", "window = [5, 5]")
    assert_names(refused("plan", recipe, "--set", "data.percentiles=[1, 99]"), "data", "window and percentiles")
    assert_names(refused("data", "check", recipe, "--set", "data.window=[1]"), "window")


@pytest.mark.trains
def test_a_resume_and_an_evaluation_with_another_split_are_refused(recipe, place):
    assert genkit("run", recipe, "-q", "--set", "checkpoint.every=2", "--set", "checkpoint.keep=9").code == 0
    (run,) = place.glob("runs/0001-*")
    assert genkit("data", "show", recipe, "--out", place / "seen.png").code == 0
    assert genkit("reconstruct", run, "--data", place / "slices" / "00.npy", "--out", place / "own.png").code == 0
    moved = next(index for index in range(30) if PATIENTS[index % 10] not in HELD_OUT)
    write_groups(place, {moved: HELD_OUT[0]})
    shutil.rmtree(run / "checkpoints" / "step-00000004")
    shutil.rmtree(run / "final")
    assert_names(refused("resume", run, "-q"), "[data]", "samples then")
    write_groups(place, {index: f"p{index % 10}" for index in range(30)})  # the same groups
    shutil.move(place / "patients.csv", place / "moved.csv")
    assert_names(refused("resume", run, "-q"), "patients.csv")
    resolved = run / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace("patients.csv", "moved.csv"))
    result = genkit("resume", run, "-q")
    assert result.code == 0, result.err
