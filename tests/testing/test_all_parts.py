"""Every part of genkit and of the plugins beside it keeps the laws of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.pictures import SHARED, needs_shared, noise_picture, write_folder, write_picture

from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.in_memory import HeldSamples, HeldSplit, InMemory, samples_held
from genkit.plugin_check.check import part_report
from genkit.recipe.installed.describe_parts import all_parts
from genkit.recipe.installed.registry import Part, load_registry
from genkit.testing import assert_dataset_is_lawful

REGISTRY = load_registry()
SMALL: dict[str, Any] = {"channels": [8, 8], "latent_dim": 4}
KEYS: dict[str, dict[str, Any]] = {
    "introvae-conv": SMALL,
    "modern-conv": SMALL,
    "dcgan": {"channels": [8, 8]},
    "resnet-gan": {"channels": [8, 8]},
    "conditional": {"classes": 3, "network": {"use": "mlp", "width": 16, "latent_dim": 2}},
    "mixture": {"components": 3, "learnt": True},
    "per-class": {"classes": 2, "learnt": True},
    "weighted": {"squared": 1.0},
    "stand-in": {"shape": [1, 8, 8], "classes": 3},
    "fid": {"features": "inception"},
    "dice": {"other": "stroke-digits", "other_samples": 10, "fpr": 0.05},
    "pixel-auroc": {"other": "stroke-digits", "other_samples": 10},
    "pixel-auprc": {"other": "stroke-digits", "other_samples": 10},
    "linear-probe": {"samples": 40, "fit_samples": 40, "l2": 0.1},
    "metrics ssim": {"samples": 20},
    "early-stopping": {"metric": "high-quality", "patience": 2},
}
# Each takes many seconds: maps of pixels, strokes that are drawn one by one, a fit, and many settings.
SLOW = {"stroke-digits", "dice", "pixel-auroc", "pixel-auprc", "ssim", "gnelbo", "linear-probe"}
# The published files and weights, which no test can make up; `in-memory` has samples within a call only (see below).
NEEDS_FILES = {
    *(
        "in-memory",
        "mnist",
        "fashion-mnist",
        "cifar10",
        "svhn",
        "celeba",
        "lsun",
        "hub-images",
        "hub-stream",
        "inception",
        "fid",
    )
}


def made_up(part: Part, folder: Path) -> dict[str, Any] | None:
    """Return the keys of a data set of pictures, after writing some; None for other parts."""
    name = part.entry.name
    if part.kind != "datasets" or name not in ("image-folder", "image-arrays", "masked-folder"):
        return None
    if name == "image-arrays":
        np.save(folder / "train.npy", noise_picture(240, 12).reshape(20, 12, 12, 3))
        np.save(folder / "test.npy", noise_picture(120, 12, seed=1).reshape(10, 12, 12, 3))
        return {"path": str(folder / "train.npy"), "hold_out": str(folder / "test.npy"), "resolution": 12}
    write_folder(folder / "x" / "train", 20)
    write_folder(folder / "x" / "test", 10, start=20)
    keys = {"path": str(folder / "x"), "resolution": 12}
    if name == "image-folder":
        return keys
    mask = np.zeros((12, 12), np.uint8)
    mask[3:9, 2:7] = 255
    for number in range(20, 30):
        write_picture(folder / "masks" / f"{number:04d}.png", mask)
    return {**keys, "masks": str(folder / "masks"), "split": "test"}


def case(part: Part) -> Any:
    kind, name = part.kind, part.entry.name
    seconds = kind in ("models", "priors", "losses", "metrics", "scores")
    marks = [pytest.mark.slow] if name in SLOW and kind != "errors" else [pytest.mark.trains] if seconds else []
    return pytest.param(part, id=f"{part.kind}-{part.entry.name}", marks=marks)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.filterwarnings("ignore:bound_logvars has no effect")
@pytest.mark.parametrize("part", [case(part) for part in all_parts(REGISTRY)])
def test_a_part_is_lawful(part, tmp_path):
    keys = made_up(part, tmp_path) or KEYS.get(f"{part.kind} {part.entry.name}", KEYS.get(part.entry.name, {}))
    if part.entry.name == "stroke-digits":  # its digits are drawn one by one
        assert_dataset_is_lawful(part.load()(), most=100)
        return
    report = part_report(part, REGISTRY, keys)
    if report.not_checked and part.entry.name in NEEDS_FILES:
        pytest.skip(report.not_checked)
    assert report.verdicts and not report.broken and not report.not_checked


@pytest.mark.parametrize("labels", [None, torch.arange(20) % 3], ids=["plain", "labelled"])
def test_samples_in_memory_are_lawful(labels):
    x = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    held = HeldSamples(HeldSplit(x[:20], labels), HeldSplit(x[20:], labels))
    with samples_held(held):
        assert_dataset_is_lawful(InMemory(**{key: value for key, value in held.table.items() if key != "use"}))


@needs_shared
@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(("folder", "resolution"), [("cifar10", 32), ("faces128", 64)])
def test_real_pictures_are_lawful(folder, resolution):
    assert_dataset_is_lawful(ImageFolder(path=SHARED / folder, resolution=resolution), most=60)
