"""Figures at the end of a run: which files, the rows of the stability strip, and drawing them again."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.kill_and_resume import new_run, train_on
from support.messages import assert_names
from support.tiny_recipes import tiny_recipe

from genkit.draw.preview import SAMPLES
from genkit.errors import GenkitWarning, UsageError
from genkit.evaluation.samples import latent_codes
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.write_report import write_report
from genkit.runs.trained_models.load import load
from genkit.runs.trained_models.trained import open_trained
from genkit.runs.training import figures
from genkit.runs.training.stability_strip import strip_captions, unreached_rows

pytestmark = [pytest.mark.usefixtures("isolated", "laid_out"), pytest.mark.trains]

EPOCH = 5000 // 16  # steps, for the digits


def plan_of(tmp_path, text, *overrides):
    return make_plan(write_recipe(tmp_path, text), overrides=overrides)


def trained(tmp_path, text, *overrides) -> RunFolder:
    asked = [argument for override in overrides for argument in ("--set", override)]
    result = genkit("run", write_recipe(tmp_path, text), "-q", *asked)
    assert result.code == 0, result.err
    return RunFolder(tmp_path / "runs" / "0001-tiny-s0")


def pictures_of(folder):
    return {str(path): path.read_bytes() for path in [*folder.figures.iterdir(), folder.curves]}


@pytest.mark.trains
def test_a_run_on_images_has_all_figures_and_a_run_on_points_has_the_strip_and_the_codes(tmp_path):
    names = {path.name for path in trained(tmp_path, IMAGES).figures.iterdir()}
    assert names == {"samples.png", "reconstructions.png", "stability.png", "traversal.png", "codes.npy", "codes.json"}
    genkit("run", write_recipe(tmp_path, TINY), "-q", "--runs", "plane")
    plane = tmp_path / "plane" / "0001-tiny-s0" / "figures"
    assert {path.name for path in plane.iterdir()} == {"stability.png", "codes.npy", "codes.json"}


@pytest.mark.trains
@pytest.mark.parametrize("text", [IMAGES, TINY])
def test_the_figures_can_be_drawn_again(tmp_path, text):
    folder = trained(tmp_path, text, "ema.decay=0.5")
    before = pictures_of(folder)
    for path in before:
        Path(path).unlink()
    page = write_report(folder).read_bytes()
    result = genkit("figures", folder.path)
    assert result.code == 0 and sorted(result.out.split()) == sorted(before)
    assert pictures_of(folder) == before
    title = b"Stability over the training"
    assert title not in page and title in folder.report.read_bytes(), "the page of the run shows them again"


@pytest.mark.trains
def test_the_last_row_of_the_strip_has_the_samples_of_the_trained_model_for_the_codes_of_the_previews(tmp_path):
    folder = trained(tmp_path, IMAGES, "report.strip_steps=[2, 5]")
    assert sorted(path.name for path in folder.strip.iterdir()) == ["step-00000002.npy", "step-00000005.npy"]
    row = np.load(folder.row(5))
    assert row.shape == (8, 1, 28, 28) and row.dtype == np.uint8
    model = load(folder)
    with torch.no_grad():
        images = model.sample(latent_codes(SAMPLES, model, open_trained(folder.path).noise)[:8])
    assert np.abs(row / 255 - images.clamp(0, 1).numpy()).max() <= 0.5 / 255 + 1e-6


@pytest.mark.trains
def test_a_row_depends_on_its_step_and_not_on_other_rows(tmp_path):
    one = trained(tmp_path, IMAGES, "report.strip_steps=[3]")
    genkit("run", "tiny.toml", "-q", "--runs", "others", "--set", "report.strip_steps=[1, 2, 3]")
    others = RunFolder(tmp_path / "others" / "0001-tiny-s0")
    assert one.row(3).read_bytes() == others.row(3).read_bytes()
    assert one.row(3).read_bytes() != others.row(1).read_bytes()


@pytest.mark.trains
def test_a_missing_row_is_left_out_and_what_is_damaged_or_cannot_be_written_is_named(tmp_path, monkeypatch):
    folder = trained(tmp_path, IMAGES)
    heights = []
    for step in (1, 2):
        with Image.open(folder.figures / "stability.png") as picture:
            heights.append(picture.height)
        folder.row(step).unlink()
        assert genkit("figures", folder.path).code == 0
    assert heights[0] - heights[1] == 84 + 4
    folder.row(3).write_bytes(folder.row(4).read_bytes()[:-9])
    assert_names(refused("figures", folder.path), f"{folder.row(3)}: damaged")

    def fail(*given):
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(figures, "save_figures", fail)
    assert_names(refused("figures", folder.path), f"error: {folder.path}: cannot be written: ", "Make the run folder")


@pytest.mark.trains
@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), OSError(13, "not allowed", ".partial"), ZeroDivisionError()],
    ids=range(3),
)
def test_a_run_finishes_without_the_pictures_that_nothing_depends_on(tmp_path, monkeypatch, error):
    def fail(*given):
        raise error

    monkeypatch.setattr(figures, "save_codes", fail)
    monkeypatch.setattr(figures, "save_traversal", fail)
    folder = new_run(tmp_path, tiny_recipe())
    with pytest.warns(GenkitWarning, match=r"codes\.npy: not drawn") as warned:
        train_on(folder)
    assert not any("Errno" in str(each.message) for each in warned)
    assert folder.finished and folder.final.is_dir() and (folder.figures / "stability.png").is_file()


@pytest.mark.parametrize(
    ("overrides", "captions"),
    [
        ([], {n: f"step {n}" for n in (1, 2, 3, 4, 5)}),
        (["train.steps=3"], {n: f"step {n}" for n in (1, 2, 3)}),
        (["train.steps=11"], {n: f"step {n}" for n in (3, 5, 7, 9, 11)}),
        (["report.strip_steps=[4, 2, 2, 9]"], {n: f"step {n}" for n in (2, 4)}),
        (
            ["train.steps=", "train.epochs=3", "report.strip_epochs=[1, 3, 50]"],
            {EPOCH: f"epoch 1, step {EPOCH}", 3 * EPOCH: f"epoch 3, step {3 * EPOCH}"},
        ),
        (
            ["train.steps=1000", f"report.strip_steps=[{EPOCH}, {EPOCH + 1}, {2 * EPOCH}]"],
            {
                EPOCH: f"epoch 1, step {EPOCH}",
                EPOCH + 1: f"step {EPOCH + 1}",
                2 * EPOCH: f"epoch 2, step {2 * EPOCH}",
            },
        ),
    ],
)
def test_the_recipe_sets_the_steps_of_the_rows(tmp_path, overrides, captions):
    plan = plan_of(tmp_path, IMAGES, *overrides)
    assert strip_captions(plan) == captions and list(strip_captions(plan)) == sorted(captions)


def test_rows_after_the_end_of_the_run_are_named(tmp_path):
    assert unreached_rows(plan_of(tmp_path, IMAGES), 5) == ""
    assert unreached_rows(plan_of(tmp_path, IMAGES, "report.strip_epochs=[50, 100]"), 5).endswith(": epoch 50, 100.")
    plan = plan_of(tmp_path, TINY, "report.strip_steps=[5, 6]")
    assert unreached_rows(plan, 5).endswith(": step 6.")
    assert unreached_rows(plan, 4).endswith(": step 5, 6.")  # a callback has stopped the run


def test_epochs_are_refused_for_data_without_epochs(tmp_path):
    assert strip_captions(plan_of(tmp_path, TINY, "report.strip_steps=[3]")) == {3: "step 3"}
    with pytest.raises(UsageError) as error:
        strip_captions(plan_of(tmp_path, TINY, "report.strip_epochs=[3]"))
    assert_names(error.value, "[report] strip_epochs: ", '"8-gaussians"', "steps")
    result = genkit("run", "tiny.toml", "--set", "report.strip_epochs=[3]")
    assert result.code == 2
    assert_names(result.err, "[report] strip_epochs: ", '"8-gaussians"', "steps")
    assert not list((tmp_path / "runs").glob("0*"))


def test_epochs_and_steps_together_are_refused(tmp_path):
    both = ("--set", "report.strip_epochs=[3]", "--set", "report.strip_steps=[3]")
    assert_names(refused("plan", write_recipe(tmp_path), *both), "report", "strip_epochs", "strip_steps")


@pytest.mark.trains
def test_without_rows_there_is_no_strip(tmp_path):
    folder = trained(tmp_path, TINY)
    for path in folder.strip.iterdir():
        path.unlink()
    result = genkit("figures", folder.path)
    assert result.code == 0 and result.out.split() == [
        *(str(folder.figures / name) for name in ("codes.npy", "codes.json")),
        str(folder.curves),
    ]
