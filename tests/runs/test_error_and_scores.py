"""A run whose decoder returns logits: what it saves, loads and resumes, and the detection of another data set."""

import json

import pytest
import torch
from support.commands import refused
from support.messages import assert_names

import genkit
from genkit.parts.errors.bce import BCE

pytestmark = pytest.mark.trains

RECIPE = {
    "title": "logits",
    "data": {"use": "digits", "classes": [0, 1]},
    "model": {"use": "small-conv", "latent_dim": 2, "channels": [4, 4], "hidden": 8, "error": "bce"},
    "loss": {"use": "vae"},
    "optimiser": {"encoder": {"use": "adam", "lr": 1e-3}, "decoder": {"use": "adam", "lr": 1e-3}},
    "train": {"steps": 2, "batch_size": 8},
    "metrics": {
        "ood": {"use": "auroc", "other": {"use": "digits", "classes": [7]}, "samples": 50, "other_samples": 40},
        "rec": {"use": "reconstruction-error", "samples": 20},
    },
}


def test_a_run_keeps_its_error_and_its_interval(tmp_path):
    folder = genkit.train(genkit.make_plan(RECIPE), runs=tmp_path).path
    model = genkit.load(folder).module
    assert model.reconstruction_error == BCE()
    with torch.no_grad():
        x = model.sample(torch.randn(20, 2) * 50)
    assert x.min() >= 0 and x.max() <= 1

    ood, rec = json.loads((folder / "results.json").read_text())
    low, high = ood["interval"]
    assert low <= ood["value"] <= high
    assert "interval" not in rec and rec["value"] < 1
    assert_names(ood["protocol"]["details"]["other"], "digits", "classes [7]", "40 samples")

    resolved = folder / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace('"bce"', '"l1"'))
    assert_names(refused("resume", folder), "model.error", "bce", "l1")
