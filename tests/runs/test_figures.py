"""The figures of a run: which there are, what the rows of the strip hold, and that they can be drawn again."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, TINY, genkit, write_recipe

from genkit import load
from genkit.draw.preview import SAMPLES
from genkit.errors import UsageError
from genkit.evaluation.samples import codes
from genkit.recipe.plan import make_plan
from genkit.runs.load import open_trained
from genkit.runs.run_folder import RunFolder
from genkit.runs.stability_strip import beyond_the_end, strip_captions

EPOCH = 5000 // 16  # steps, of the digits


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def plan_of(tmp_path, text, *overrides):
    return make_plan(write_recipe(tmp_path, text), overrides=overrides)


def trained(tmp_path, text, *overrides) -> RunFolder:
    asked = [argument for override in overrides for argument in ("--set", override)]
    said = genkit("run", write_recipe(tmp_path, text), "-q", *asked)
    assert said.code == 0, said.err
    return RunFolder(tmp_path / "runs" / "0001-tiny-s0")


def pictures_of(folder):
    return {str(path): path.read_bytes() for path in [*folder.figures.iterdir(), folder.curves]}


def test_a_run_on_images_ends_with_three_figures_and_one_in_the_plane_with_its_strip(tmp_path):
    names = {path.name for path in trained(tmp_path, IMAGES).figures.iterdir()}
    assert names == {"samples.png", "reconstructions.png", "stability.png"}
    genkit("run", write_recipe(tmp_path, TINY), "-q", "--runs", "plane")
    assert [path.name for path in (tmp_path / "plane" / "0001-tiny-s0" / "figures").iterdir()] == ["stability.png"]


@pytest.mark.parametrize("text", [IMAGES, TINY])
def test_the_figures_can_be_drawn_again(tmp_path, text):
    folder = trained(tmp_path, text, "ema.decay=0.5")
    before = pictures_of(folder)
    for path in before:
        Path(path).unlink()
    said = genkit("figures", folder.path)
    assert said.code == 0 and sorted(said.out.split()) == sorted(before)
    assert pictures_of(folder) == before


def test_the_last_row_of_the_strip_is_what_the_trained_model_makes_of_the_codes_of_the_previews(tmp_path):
    folder = trained(tmp_path, IMAGES, "report.strip_steps=[2, 5]")
    assert sorted(path.name for path in folder.strip.iterdir()) == ["step-00000002.npy", "step-00000005.npy"]
    row = np.load(folder.row(5))
    assert row.shape == (8, 1, 28, 28) and row.dtype == np.uint8
    model = load(folder)
    with torch.no_grad():
        images = model.sample(codes(SAMPLES, model, open_trained(folder.path).noise)[:8])
    assert np.abs(row / 255 - images.clamp(0, 1).numpy()).max() <= 0.5 / 255 + 1e-6


def test_a_row_depends_on_its_step_and_not_on_which_other_rows_there_are(tmp_path):
    one = trained(tmp_path, IMAGES, "report.strip_steps=[3]")
    genkit("run", "tiny.toml", "-q", "--runs", "others", "--set", "report.strip_steps=[1, 2, 3]")
    others = RunFolder(tmp_path / "others" / "0001-tiny-s0")
    assert one.row(3).read_bytes() == others.row(3).read_bytes()
    assert one.row(3).read_bytes() != others.row(1).read_bytes()


def test_a_row_that_is_lost_is_left_out_and_one_that_is_damaged_is_named(tmp_path):
    folder = trained(tmp_path, IMAGES)
    heights = []
    for step in (1, 2):
        with Image.open(folder.figures / "stability.png") as picture:
            heights.append(picture.height)
        folder.row(step).unlink()
        assert genkit("figures", folder.path).code == 0
    assert heights[0] - heights[1] == 84 + 4
    folder.row(3).write_bytes(folder.row(4).read_bytes()[:-9])
    said = genkit("figures", folder.path)
    assert said.code == 2 and f"{folder.row(3)}: is damaged" in said.err


@pytest.mark.parametrize(
    ("overrides", "captions"),
    [
        ([], {n: f"epoch {n / EPOCH:.4g}, step {n}" for n in (1, 2, 3, 4, 5)}),
        (["train.steps=3"], {n: f"epoch {n / EPOCH:.4g}, step {n}" for n in (1, 2, 3)}),
        (["train.steps=11"], {n: f"epoch {n / EPOCH:.4g}, step {n}" for n in (3, 5, 7, 9, 11)}),
        (["report.strip_steps=[4, 2, 2, 9]"], {n: f"epoch {n / EPOCH:.4g}, step {n}" for n in (2, 4)}),
        (
            ["train.steps=", "train.epochs=3", "report.strip_epochs=[1, 3, 50]"],
            {EPOCH: f"epoch 1, step {EPOCH}", 3 * EPOCH: f"epoch 3, step {3 * EPOCH}"},
        ),
    ],
)
def test_the_recipe_says_which_steps_make_rows(tmp_path, overrides, captions):
    plan = plan_of(tmp_path, IMAGES, *overrides)
    assert strip_captions(plan) == captions and list(strip_captions(plan)) == sorted(captions)


def test_rows_beyond_the_end_are_named(tmp_path):
    assert beyond_the_end(plan_of(tmp_path, IMAGES)) == ""
    told = beyond_the_end(plan_of(tmp_path, IMAGES, "report.strip_epochs=[50, 100]"))
    assert told == " Beyond the end of the run: epoch 50, 100."
    assert beyond_the_end(plan_of(tmp_path, TINY, "report.strip_steps=[5, 6]")).endswith("run: step 6.")


def test_data_that_never_end_have_steps_and_no_epochs(tmp_path):
    assert strip_captions(plan_of(tmp_path, TINY, "report.strip_steps=[3]")) == {3: "step 3"}
    with pytest.raises(UsageError, match=r'\[report\] strip_epochs: "8-gaussians" never ends; give steps'):
        strip_captions(plan_of(tmp_path, TINY, "report.strip_epochs=[3]"))
    said = genkit("run", "tiny.toml", "--set", "report.strip_epochs=[3]")
    assert said.code == 2 and "never ends" in said.err
    assert not list((tmp_path / "runs").glob("0*"))


def test_epochs_and_steps_at_once_are_refused(tmp_path):
    said = genkit("plan", write_recipe(tmp_path), "--set", "report.strip_epochs=[3]", "--set", "report.strip_steps=[3]")
    assert said.code == 2 and "strip_epochs and strip_steps say the same of one strip" in said.err


def test_samples_without_a_picture_leave_the_curves(tmp_path):
    folder = trained(tmp_path, TINY)
    for path in folder.strip.iterdir():
        path.unlink()
    said = genkit("figures", folder.path)
    assert said.code == 0 and said.out.split() == [str(folder.curves)]
