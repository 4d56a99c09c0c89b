"""Scores and maps in Python are those that the commands write."""

import csv
import json

import numpy as np
import pytest
import torch
from support.commands import genkit as command

import genkit
from genkit.errors import UsageError
from genkit.notebook.messages import naming_arguments

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def x(run):
    return run.data.held_out()[0:12]


@pytest.fixture(scope="module")
def file(x, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "x.npy"
    np.save(path, x[:, 0].numpy())
    return path


def test_scores_are_those_of_the_command(run, x, file, tmp_path):
    options = ("--score", "kl", "--fpr", "0.2", "--out", tmp_path / "s", "--json")
    printed = json.loads(command("score", run.path, "--data", file, *options).out)
    with (tmp_path / "s.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["set"] != "held-out"]
    for given in (x, file):
        found = genkit.score(run, given, "kl", fpr=0.2)
        np.testing.assert_allclose(found.scores, [float(row["score"]) for row in rows], rtol=1e-5)
        assert found.threshold == pytest.approx(printed["threshold"], rel=1e-6)
        assert found.auroc == pytest.approx(printed["sets"][1]["auroc"], abs=5e-3)  # of a file: in 16 bits
    assert torch.equal(found.abnormal, found.scores > found.threshold) and "12" in repr(found)
    share = (found.normal > found.threshold).double().mean()
    assert 0.15 < share <= 0.2


def test_maps_are_those_of_the_command(run, x, file, tmp_path):
    command("anomaly", run.path, "--data", file, "--smooth", "1", "--out", tmp_path / "m")
    (written,) = [path for path in tmp_path.glob("*.npy") if np.load(path).ndim == 3]
    found = genkit.anomaly_maps(run, x, smooth=1.0)
    np.testing.assert_allclose(found.maps, np.load(written), rtol=1e-5, atol=1e-7)
    assert found.abnormal.shape == found.maps.shape == (12, 28, 28) and "%" in repr(found)


def test_normal_pictures_may_be_given(run, x):
    found = genkit.score(run, x, "error", normal=x, fpr=0.25)
    assert torch.equal(found.scores, found.normal) and int(found.abnormal.sum()) == 3
    assert found.auroc == 0.5


@pytest.mark.parametrize(
    "options",
    [
        {"score": "nonsense"},
        {"fpr": 0},
        {"fpr": 2},
        {"fpr": "x"},
        {"fpr": None},
        {"normal": "place"},
        {"set": "draws=5"},
        {"pictures": torch.rand(0, 1, 28, 28)},
        {"pictures": 255 * torch.rand(3, 1, 28, 28)},
        {"normal": torch.rand(30, 1, 28, 28) - 1},
    ],
    ids=["score", "no share", "share", "text", "nothing", "mixed", "key", "none", "range", "negative"],
)
def test_what_cannot_be_scored_is_refused(run, x, options):
    for call in (genkit.score, genkit.anomaly_maps):
        with pytest.raises(UsageError) as refusal:
            call(run, **{"pictures": x, **options})
        assert "--" not in str(refusal.value)


def test_training_samples_that_were_read_are_not_scored(run, x, points):
    opened = genkit.open_run(run)
    rows = opened.data[5:8]
    with_others = torch.cat([x, rows.flip(0)]).numpy().copy()
    for given in ({"pictures": with_others}, {"pictures": x, "normal": with_others}):
        for call in (genkit.score, genkit.anomaly_maps):
            with pytest.raises(UsageError, match=f"row {len(x)}"):
                call(opened, fpr=0.5, **given)
    held_out = opened.data.held_out()[0:12]
    assert len(genkit.score(opened, held_out).scores) == 12
    drawn = points.data[0:20]  # fresh draws, which no model was trained on
    assert len(genkit.score(points, drawn, "kl", normal=points.data[20:40]).scores) == 20


def test_messages_name_arguments_and_commands_keep_their_options(run, x, file, tmp_path):
    calls = {
        "score": lambda: genkit.score(run, x, "logp"),
        "fpr": lambda: genkit.score(run, x, fpr=1e-9),
        "smooth": lambda: genkit.anomaly_maps(run, x, smooth=-1.0),
        "pictures": lambda: genkit.score(run, tmp_path / "nowhere"),
        "normal": lambda: genkit.score(run, file, normal=tmp_path / "nowhere"),
        "metrics": lambda: genkit.evaluate(run, ["pnsr"]),
        "batch_norm": lambda: genkit.evaluate(run, batch_norm="batch"),
        "set": lambda: genkit.evaluate(run, set="metrics.psnr.samples=-1"),
    }
    for name, call in calls.items():
        with pytest.raises(UsageError) as refusal:
            call()
        assert name in str(refusal.value) and "--" not in str(refusal.value), refusal.value
    with pytest.raises(UsageError) as refusal, naming_arguments():
        raise UsageError("add --set score.a=1 --set score.b=-2e3, or --set score.c=x. --set data.d e\n--set a.b=1: no")
    text = 'add set=["score.a=1", "score.b=-2e3"], or set="score.c=x". set data.d e\nset a.b=1: no'
    assert str(refusal.value) == text
    with pytest.raises(UsageError) as refusal, naming_arguments():
        raise UsageError("--set-up --fpr 2: a--fpr, `genkit score x --fpr 1` (--data)")
    assert str(refusal.value) == "--set-up fpr 2: a--fpr, `genkit score x --fpr 1` (pictures)"


def test_the_interval_is_computed_once(run, x):
    found = genkit.score(run, x)
    assert found.auroc is found.auroc
