"""Trackers get the log, the pictures and the metrics of a run, and never end it."""

import json

import pytest
import yaml
from safetensors.torch import load_file
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names

from genkit.runs.on_disk.run_folder import RunFolder

pytestmark = pytest.mark.trains

TRACK = '\n[track]\nto = ["tensorboard"]\n'
LOGGED = "\n[report]\nlog_every = 2\ndraw_every = 4\n"


def events_of(run):
    """Return all that TensorBoard shows of a run."""
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = event_accumulator.EventAccumulator(str(run / "tensorboard"))
    return events.Reload()


def scalars_of(run):
    events = events_of(run)
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_shows_the_log_the_pictures_and_the_metrics(isolated):
    pytest.importorskip("tensorboard")
    text = IMAGES + LOGGED + TRACK + "[metrics.reconstruction-error]\nsamples = 50\n[evaluate]\nevery = 3\n"
    text += '[ema]\n[metrics.of-ema]\nuse = "reconstruction-error"\nsamples = 50\nweights = "ema"\n'
    done = genkit("run", write_recipe(isolated, text), "-q")
    assert done.code == 0, done.err
    run = isolated / "runs/0001-tiny-s0"

    shown = scalars_of(run)
    for line in RunFolder(run).lines():
        for key, value in line.items():
            if key != "step":
                assert shown[key][line["step"]] == pytest.approx(value, rel=1e-6)
    result, _ = json.loads((run / "results.json").read_text())
    assert [event.step for event in events_of(run).Scalars("metric/reconstruction-error")] == [3, 5]  # each once
    assert shown["metric/reconstruction-error"][5] == pytest.approx(result["value"], rel=1e-6)

    events = events_of(run)
    images = {tag: [event.step for event in events.Images(tag)] for tag in events.Tags()["images"]}
    assert images == {"samples": [0, 4, 5], "reconstructions": [0, 4, 5]}
    keys = yaml.safe_load(next((run / "tensorboard").rglob("hparams.yml")).read_text())
    assert "train.batch_size" in keys and keys["pictures"] == "ema weights"
    assert {key: text for key, text in keys.items() if key.startswith("metric/")} == {
        "metric/reconstruction-error": "raw weights"
    }


def test_a_resumed_run_replaces_what_it_showed_after_its_checkpoint(isolated):
    pytest.importorskip("tensorboard")
    assert genkit("run", write_recipe(isolated, TINY + LOGGED + TRACK + "[checkpoint]\nevery = 4\n"), "-q").code == 0
    run = isolated / "runs/0001-tiny-s0"
    before = [(event.step, event.value) for event in events_of(run).Scalars("vae/total")]
    for lost in ("results.json", "final/about.json", "checkpoints/step-00000005/state.json"):
        (run / lost).unlink()
    for name in ("final", "checkpoints/step-00000005"):
        for file in (run / name).iterdir():
            file.unlink()
        (run / name).rmdir()
    assert genkit("resume", run, "-q").code == 0
    assert [(event.step, event.value) for event in events_of(run).Scalars("vae/total")] == before


def test_a_tracker_that_fails_does_not_end_the_run_and_changes_no_weight(isolated, monkeypatch):
    pytest.importorskip("tensorboard")
    assert genkit("run", write_recipe(isolated), "-q").code == 0

    def fail(*arguments, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr("accelerate.tracking.TensorBoardTracker.log", fail)
    done = genkit("run", write_recipe(isolated, TINY + LOGGED + TRACK))
    assert done.code == 0, done.err
    assert done.err.count("[track] tensorboard failed") == 1 and "the disk is full" in done.err
    one, two = (load_file(isolated / f"runs/000{n}-tiny-s0/final/model.safetensors") for n in (1, 2))
    assert all(one[name].equal(two[name]) for name in one)


def test_a_tracker_that_is_not_installed_is_missing_before_the_run(isolated, monkeypatch):
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", list)
    assert_names(refused("run", write_recipe(isolated, TINY + TRACK)), '[track] to: "tensorboard"', "pip install")
    assert not (isolated / "runs").exists()


def test_an_unknown_tracker_is_refused_with_the_known_ones(isolated):
    message = refused("plan", write_recipe(isolated, TINY + '\n[track]\nto = ["tensorbord"]\n'))
    assert_names(message, "[track] to: ", '"tensorboard"')
