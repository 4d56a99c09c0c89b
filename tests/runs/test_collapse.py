"""The remark on a collapsed model: what is reconstructed for it, where it is made, and what it must not change."""

import json
import math
import tomllib
import warnings

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY, genkit, write_recipe
from support.messages import assert_names
from support.models import write_model
from torch import Tensor, nn

import genkit as python
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder, evaluating
from genkit.core.noise import Noise, Rows
from genkit.core.reconstructed_variance import ReconstructedVariance
from genkit.errors import GenkitWarning
from genkit.evaluation.samples import select_samples
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.trained_models.collapse import (
    FACT,
    LEAST_SHARE,
    LITTLE_SHARE,
    SAMPLES,
    Reconstructed,
    ReconstructedSet,
    reconstructed_held_out,
    reconstructed_in,
)
from genkit.runs.trained_models.sample_sets import set_of_tensor

SHAPE = (1, 4, 4)


class Halved(nn.Module):
    """Encoder that halves samples, draws from the global generators, and counts its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> DiagNormal:
        torch.rand(3), np.random.rand(3)
        self.seen.append(x)
        mu = self.scale * x.flatten(1)
        return DiagNormal(mu, torch.zeros_like(mu))


def halving() -> Autoencoder:
    return Autoencoder(Halved(), nn.Unflatten(1, SHAPE), 16, SHAPE)


def share_of(x: Tensor, outputs: Tensor) -> float | None:
    variance = ReconstructedVariance()
    variance.add(x, outputs)
    return variance.share


@pytest.mark.parametrize("number", [1, 2, SAMPLES - 1, SAMPLES, SAMPLES + 1, 3 * SAMPLES + 5])
def test_a_set_is_read_as_it_is_and_samples_spread_over_it_are_reconstructed(number):
    x = torch.rand(number, *SHAPE, generator=torch.Generator().manual_seed(0))
    model = halving()
    samples = set_of_tensor("x", x, model)
    samples = type(samples)(**{**vars(samples), "rows": 10})
    watched = ReconstructedSet(model, samples, "raw")
    torch.manual_seed(0), np.random.seed(0)
    with evaluating(model):
        chunks = list(watched)
    drawn = torch.rand(1), np.random.rand()
    torch.manual_seed(0), np.random.seed(0)
    assert drawn == (torch.rand(1), np.random.rand())  # a score that draws is not changed

    assert torch.equal(torch.cat([chunk.x for chunk in chunks]), x)
    chosen = sorted({place * number // SAMPLES for place in range(SAMPLES)})
    assert torch.equal(torch.cat(model.encoder.seen), x[chosen])
    found = watched.reconstructed
    assert (found.samples, found.weights) == (min(SAMPLES, number), "raw")
    assert found.share == (None if number == 1 else pytest.approx(0.5, rel=1e-6))


def test_the_end_of_a_run_reconstructs_the_samples_of_its_pictures():
    plan = make_plan(tomllib.loads(IMAGES), try_step=False)
    torch.manual_seed(0)
    model, noise = plan.build_model(), Noise(0, 0, "preview", Rows.all(SAMPLES))
    held_out = plan.data.held_out()
    found = reconstructed_held_out(model, held_out, noise, "ema")
    x = select_samples(SAMPLES, model, held_out, noise).x
    with evaluating(model):
        assert found.share == pytest.approx(share_of(x, model.reconstruct(x)), rel=1e-5)
    assert found.as_dict() == {"share": found.share, "samples": SAMPLES, "weights": "ema"}
    assert model.training  # as it was


@pytest.mark.parametrize("share", [-0.01, 0.0, LEAST_SHARE - 1e-9])
def test_a_share_below_the_least_one_is_remarked(share):
    found = Reconstructed(share, 40, "ema")
    assert_names(found.remark_on("RUN"), "RUN: ", "40", "ema", f"{max(share, 0):.1%}", "docs/collapse.md")
    assert found.with_remark() == {**found.as_dict(), "remark": found.remark}
    assert "raw" not in Reconstructed(share, 40, "raw").remark.replace("(raw weights)", "")


@pytest.mark.parametrize("share", [LEAST_SHARE, LITTLE_SHARE - 1e-9])
def test_a_model_that_reconstructs_little_is_not_said_to_have_collapsed(share):
    remark = Reconstructed(share, 40, "raw").remark_on("RUN")
    assert_names(remark, "RUN: ", "40", "raw", f"{share:.1%}", "docs/collapse.md")
    assert "has collapsed" not in remark and "mean nothing" not in remark


@pytest.mark.parametrize("share", [LITTLE_SHARE, 0.5, 1.2, None])
def test_other_shares_are_not(share):
    found = Reconstructed(share, 40, "raw")
    assert found.remark == found.remark_on("RUN") == "" and found.with_remark()["remark"] is None


def test_facts_give_back_what_was_measured_and_damaged_ones_give_nothing():
    for share in (0.25, 0, None):
        found = Reconstructed(share, 40, "raw")
        assert reconstructed_in(json.loads(json.dumps({FACT: found.as_dict()}))) == found
    for facts in ({}, {FACT: None}, {FACT: 3}, {FACT: {"share": "x", "samples": 1, "weights": "raw"}}, {FACT: {}}):
        assert reconstructed_in(facts) is None


def warned(call) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if each.category is GenkitWarning]


@pytest.mark.parametrize("command", ["score", "anomaly"])
def test_commands_and_functions_remark_with_the_same_number(command, tmp_path, isolated):
    write_model(tmp_path / "model", IMAGES)  # random weights
    x = np.random.default_rng(0).random((8, 1, 28, 28), np.float32)
    np.save("x.npy", x[:, 0])
    printed = genkit(command, "model", "--data", "x.npy", "--score", "error", "--json", "--out", "own")
    assert printed.code == 0
    found = json.loads(printed.out)[FACT]
    assert (found["samples"], found["weights"]) == (SAMPLES, "raw") and found["share"] < LEAST_SHARE
    assert printed.err.splitlines()[-1] == f"remark: model: {found['remark']}"
    function = {"score": python.score, "anomaly": python.anomaly_maps}[command]
    assert warned(lambda: function("model", x, "error")) == [f"model: {found['remark']}"]

    plan = make_plan(tomllib.loads(IMAGES), try_step=False)
    with evaluating(model := python.load("model").module), torch.no_grad():
        held_out = plan.data.held_out()
        samples = select_samples(SAMPLES, model, held_out, Noise(0, 0, "preview", Rows.all(SAMPLES))).x
        assert found["share"] == pytest.approx(share_of(samples, model.reconstruct(samples)), rel=1e-4)


@pytest.mark.parametrize("command", ["score", "anomaly"])
@pytest.mark.parametrize(
    ("scale", "word"),
    [(1.0, ""), (0.1, "hardly trained, close to a collapse"), (0.0, "the model has collapsed")],
    ids=["healthy", "little", "collapsed"],
)
def test_terminal_and_json_remark_on_the_reconstructions_of_the_model(
    command, scale, word, tmp_path, isolated, monkeypatch
):
    write_model(tmp_path / "model", IMAGES)
    monkeypatch.setattr(Autoencoder, "reconstruct", lambda model, x: scale * x + (1 - scale) * 0.5)
    np.save("x.npy", np.random.default_rng(0).random((8, 28, 28), np.float32))
    options = ("model", "--data", "x.npy", "--score", "error")
    printed, as_json = genkit(command, *options, "--out", "a"), genkit(command, *options, "--out", "b", "--json")
    assert printed.code == as_json.code == 0
    found = json.loads(as_json.out)[FACT]
    assert found["share"] == pytest.approx(scale, abs=1e-5)  # the slope
    remarks = [
        [line for line in each.err.splitlines() if line.startswith("remark: model: ")] for each in (printed, as_json)
    ]
    if not word:
        assert remarks == [[], []] and found["remark"] is None
        return
    assert word in found["remark"] and "Look at the reconstructions" in found["remark"]
    assert remarks == [[f"remark: model: {found['remark']}"]] * 2 and word not in printed.out


@pytest.mark.trains
@pytest.mark.parametrize(("beta_kl", "collapsed"), [(0.01, False), (8.0, True)])
def test_a_run_that_collapses_says_so_wherever_its_end_is_shown(beta_kl, collapsed, tmp_path, isolated):
    recipe = write_recipe(tmp_path, TINY.replace("1e-3", "1e-2").replace("steps = 5", "steps = 150"))
    options = ("--set", f"loss.beta_kl={beta_kl}")
    done = genkit("run", recipe, "-q", *options)
    assert done.code == 0, done.err
    folder = RunFolder(tmp_path / "runs" / "0001-tiny-s0")
    again = json.loads(genkit("resume", folder.path, "--json").out)[FACT]
    assert (again["share"] < LEAST_SHARE) is collapsed and math.isfinite(again["share"])
    assert (again["remark"] is not None) is collapsed
    words = "" if again["remark"] is None else again["remark"]
    assert (words in " ".join(done.out.split())) and ("collapsed" in done.out) is collapsed
    assert [words[1:] in remark for remark in report_of_run(folder).remarks] == [True] * collapsed
    assert ("The model has collapsed" in folder.report.read_text(encoding="utf-8")) is collapsed
    read = python.read_recipe(recipe).set(f"loss.beta_kl={beta_kl}")
    texts = warned(lambda: python.train(read, progress=False))
    assert [text.partition(": ")[2] for text in texts] == [words] * collapsed
