"""Parts of the page of a run: metrics with a better evaluation before, the fitted prior, the command that continues."""

import json

import numpy as np
import pytest
from support.commands import TINY
from support.kill_and_resume import new_run, train_and_kill
from support.messages import assert_names
from support.models import write_model
from support.run_pages import write_fit
from support.tiny_recipes import tiny_recipe

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.pages.pictures import Picture
from genkit.parts.metrics.modes import HighQuality, Modes
from genkit.recipe.tables import Checkpoint
from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_progress import RunProgress
from genkit.runs.on_disk.run_state import RunState
from genkit.runs.on_disk.timing import Timing
from genkit.runs.report.report_charts import chart_groups, shown_sections
from genkit.runs.report.report_codes import NOT_KNOWN, latent_space_of
from genkit.runs.report.report_fitted import folders_of_fits
from genkit.runs.report.report_metrics import metrics_of
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.report.report_pictures import PictureSeries
from genkit.runs.report.report_remarks import remarks_on_steps
from genkit.runs.report.report_time import time_shares
from genkit.runs.report.write_report import report_page


def evaluated(step, value, better="lower", label="distance", samples=9) -> EvaluationRecord:
    return EvaluationRecord(step, [Result(label, value, better, EvaluationProtocol(samples, "test", "raw"))])


@pytest.mark.fast
@pytest.mark.parametrize(("better", "best"), [("lower", "1 after step 10"), ("higher", "4 after step 20"), (None, "")])
def test_a_metric_names_the_best_evaluation_before_it(better, best):
    records = [evaluated(10, 1.0, better), evaluated(20, 4.0, better), evaluated(30, 2.0, better)]
    assert [metric.best for metric in metrics_of(records[-1], records, "raw")] == [best]


@pytest.mark.fast
def test_a_count_says_out_of_how_many_and_a_share_is_in_percent():
    protocol = EvaluationProtocol(9, "test", "raw", details={"modes": 8})
    values = {"modes": (3.0, 8.0), "quality": (0.0, 0.375), "other": (0.0, 1.0)}
    first, second = (
        EvaluationRecord(step, [Result(label, value[at], "lower", protocol) for label, value in values.items()])
        for at, step in enumerate((10, 20))
    )
    metrics = {"modes": Modes(), "quality": HighQuality()}
    shown = metrics_of(second, [first, second], "raw", metrics)
    assert [metric.value for metric in shown] == ["8 of 8", "37.5 %", "1"]
    assert [metric.best.partition(" after")[0] for metric in shown] == ["3 of 8", "0 %", "0"]
    assert [metric.value for metric in metrics_of(second, [], "raw")] == ["8", "0.375", "1"], "plugins may be absent"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("stored", "titles", "chosen"),
    [
        ('{"dimensions": [1, 15]}', ("z1", "z15"), "16"),
        (None, NOT_KNOWN, "16"),
        ('{"dimensions": [15, 1]}', NOT_KNOWN, "16"),
        ('{"dimensions": ["<b>", 2]}', NOT_KNOWN, "16"),
        ("[[", NOT_KNOWN, "16"),
        (None, ("z1", "z2"), ""),
    ],
    ids=["stored", "old run", "order", "text", "damaged", "plane"],
)
def test_the_latent_space_names_its_dimensions(tmp_path, stored, titles, chosen):
    folder = RunFolder(tmp_path)
    folder.figures.mkdir()
    np.save(folder.figures / "codes.npy", np.zeros((2, 3, 2), np.float32))
    if stored is not None:
        (folder.figures / "codes.json").write_text(stored)
    space = latent_space_of(folder, {"model": {"latent_dim": int(chosen or 2)}})
    assert tuple(space.chart.spec["encoding"][axis]["title"] for axis in "xy") == titles and space.chosen_of == chosen


@pytest.mark.fast
def test_only_earlier_and_comparable_evaluations_are_better():
    newest = evaluated(30, 2.0)
    others = [
        evaluated(10, 1.0, samples=7),
        evaluated(15, 1.0, label="other"),
        evaluated(20, 2.0),
        evaluated(40, 1.0),
        newest,
    ]
    assert [metric.best for metric in metrics_of(newest, others, "raw")] == [""]
    assert metrics_of(None, others, "raw") == []


@pytest.mark.fast
@pytest.mark.parametrize(("shown", "note"), [("raw", ""), ("ema", "raw weights")])
def test_a_number_says_that_it_is_of_raw_weights_if_the_pictures_are_of_others(shown, note):
    assert [metric.weights for metric in metrics_of(evaluated(10, 1.0), [], shown)] == [note]


@pytest.mark.fast
def test_evaluations_are_the_first_charts_and_their_rings_are_explained():
    lines = [{"step": step, "a/total": 1.0, "a/kl_real": 1.0, "a/kl_fake": 2.0} for step in (10, 20)]
    first, *others = chart_groups(shown_sections(lines, [evaluated(10, 1.0), evaluated(20, 2.0)], {}), {})
    assert "ring" in first.about[0] and [chart.title.startswith("distance") for chart in first.charts] == [True]
    assert any("KL divergence" in text for group in others for text in group.about)


@pytest.mark.fast
def test_work_that_was_not_done_has_no_time():
    shares = time_shares(Timing(6, 10.0, None, 1.0, 0.5, 0.5, 0.001, None, None))
    names = [share.name for share in shares]
    assert "evaluations" not in names and "checkpoints" in names


def test_the_page_tells_how_each_prior_was_fitted_and_how_to_sample_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = new_run(tmp_path / "run", tiny_recipe())
    assert folders_of_fits(folder) == [] and "fit-prior" not in report_page(folder).decode()
    write_model(folder.path / "other", TINY)
    assert folders_of_fits(folder) == [], "a model folder without a fit"
    fitted, _ = (write_fit(folder, name) for name in ("fitted", "mine"))
    shown = report_of_run(folder).fitted
    assert [fit.folder.rpartition("/")[2] for fit in shown] == ["fitted", "mine"]
    assert shown[0].components == "3"
    assert shown[0].samples == "60 samples of the train split" and shown[0].fits[0] == ("raw", "12", "-2.50", "–")
    assert len(shown[0].fits) == 3, "a folder of an older version does not know the prior before"
    assert shown[0].fits[2][0].endswith("N(0, I)") and shown[0].fits[2][1:] == ("–", "-3.00", "-3.25")
    page = report_page(RunFolder(folder.path)).decode()
    assert all(f"genkit sample {fit.folder}" in page for fit in shown) and '<a href="#fitted">' in page
    fitted.write_text(json.dumps({**json.loads(fitted.read_text()), FIT: {"raw": {}}}))
    damaged = report_of_run(folder)
    assert damaged.fitted == shown[1:] and any("fitted: damaged" in remark for remark in damaged.remarks)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("kind", "width", "scrolls"),
    [("traversal", 800, True), ("traversal", 300, False), ("samples", 800, False), ("samples", 3000, True)],
)
def test_on_a_small_screen_a_picture_with_labels_keeps_its_size(kind, width, scrolls):
    assert PictureSeries("", "", [Picture("", width, 800, "")], kind).scrolls == scrolls


@pytest.mark.fast
@pytest.mark.parametrize(
    ("state", "drawn", "named"),
    [(RunState.STOPPED, 3, 0), (RunState.STOPPED, 6, 1), (RunState.FAILED, 3, 1), (RunState.FAILED, 6, 1)],
)
def test_the_checkpoint_is_named_beside_the_parts_unless_the_state_has_named_it(state, drawn, named):
    progress = RunProgress(logged=6, saved=4, final=None, steps=9, end=None)
    (remark,) = remarks_on_steps(state, progress, drawn, None)
    assert_names(remark, "the curves end at step 6", f"pictures are of step {drawn}", "deletes")
    assert remark.count("checkpoint is of step 4") == named  # where all parts agree, it is what differs from them


def test_a_run_that_can_be_continued_has_the_command(tmp_path):
    folder = new_run(tmp_path, tiny_recipe(checkpoint=Checkpoint(every=4)))
    assert report_of_run(folder).resume.startswith("genkit resume ")
    train_and_kill(folder, 6)
    stopped = report_of_run(folder)
    page = report_page(folder).decode()
    assert 0 < page.index(stopped.resume) < page.index('<section id="metrics"') and stopped.remarks[0].startswith(
        "Stopped after step "
    )
    assert report_of_run(folder, RunState.FINISHED).resume == report_of_run(folder, RunState.RUNNING).resume == ""
