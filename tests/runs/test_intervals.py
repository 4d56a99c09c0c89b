"""Sentences about intervals: which AUROC cannot be told from chance, and where that is printed."""

import numpy as np
import pytest
from support.commands import IMAGES, genkit
from support.messages import assert_names
from support.models import write_model
from support.pictures import write_picture

from genkit.runs.user_pictures.intervals import remark_on_chance


@pytest.mark.parametrize("interval", [(0.5, 0.9), (0.1, 0.5), (0.32, 0.56), (0.5, 0.5)])
def test_an_auroc_whose_interval_contains_a_half_is_remarked(interval):
    assert_names(remark_on_chance("odd", interval), "odd", "0.5")


@pytest.mark.parametrize("interval", [(0.501, 0.9), (0.1, 0.499), None])
def test_other_intervals_are_not(interval):
    assert remark_on_chance("odd", interval) == ""


def test_commands_say_it_below_their_table(tmp_path, isolated):
    write_model(tmp_path / "model", IMAGES)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 28, 28), np.uint8)
    for number in range(8):
        write_picture(tmp_path / "normal" / f"{number}.png", pixels[0, number])
        write_picture(tmp_path / "alike" / f"{number}.png", pixels[1, number])
        write_picture(tmp_path / "black" / f"{number}.png", 0 * pixels[2, number])
        write_picture(tmp_path / "masks" / f"{number}.png", 255 * (pixels[2, number] > 127).astype(np.uint8))
    options = ("--normal", "normal", "--score", "error", "--fpr", "0.5", "--out", "x")
    out = genkit("score", "model", "--data", "alike", "--data", "black", *options).out
    assert [line.partition(":")[0] for line in out.splitlines() if "told from chance" in line] == ["alike"]
    out = genkit("anomaly", "model", "--data", "alike", "--masks", "masks", *options).out
    assert "pixel AUROC: " in out and "told from chance" in out
