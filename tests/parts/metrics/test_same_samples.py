"""Samples of `other` that are normal too, or that the model was trained on: refused, by an oracle of pixels."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.api import Dataset
from genkit.bases.metrics.same_samples import refuse_normal, refuse_trained_on, shared_samples
from genkit.evaluation.compute_metrics import protocol_of
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.fashion_mnist import FashionMNIST
from genkit.parts.datasets.hub_images import HubImages
from genkit.parts.datasets.hub_stream import HubStream
from genkit.parts.datasets.image_arrays import ImageArrays
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.masked_folder import MaskedFolder
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.parts.metrics.detection import AUPRC, AUROC, FPRAtTPR
from genkit.parts.metrics.localisation import Dice, PixelAUROC
from genkit.parts.models.small_conv import SmallConv
from genkit.parts.scores.elbo import Error

EIGHT = {"resolution": 8, "channels": 1}


def refusal(metric, data: Dataset) -> str:
    """Return why the plan refuses a metric; "" if it does not."""
    model = SmallConv(latent_dim=2, channels=(4,), hidden=8, data_shape=data.shape)
    try:
        protocol_of(metric, data, model)
    except ValueError as error:
        return str(error)
    return ""


def pixels(data) -> set[bytes]:
    return {image.tobytes() for image in data.arrays.images}


@pytest.fixture
def places(tmp_path):
    """Sets of pictures that are all different, and a folder of links to some of them."""
    write_folder(tmp_path / "many", 30)
    write_folder(tmp_path / "few", 8, start=100)
    (tmp_path / "links").mkdir()
    held_out = ImageFolder(path=tmp_path / "many", **EIGHT).held_out()
    for place in (tmp_path / "few").iterdir():
        (tmp_path / "links" / place.name).symlink_to(place)
    for name in held_out.sample_names():
        (tmp_path / "links" / f"of {name}").symlink_to(tmp_path / "many" / name)
    normal, abnormal, held = (np.random.default_rng(seed).integers(0, 256, (40, 8, 8), np.uint8) for seed in (1, 2, 3))
    np.savez(tmp_path / "both.npz", normal=normal, abnormal=abnormal)
    np.save(tmp_path / "held.npy", held)
    return tmp_path


def test_sets_share_samples_exactly_if_they_share_pixels(places, monkeypatch):
    monkeypatch.chdir(places)
    store = {"store": places / "store", **EIGHT}
    train_sets = [
        *(ImageFolder(path=places / name, **store) for name in ("many", "few", "links")),
        ImageFolder(path=places / "many", flip=True, **store),
        ImageFolder(path=places / "many" / ".." / "few", hold_out=0.5, **store),
        *(ImageArrays(path=places / "both.npz", array=name, **store) for name in ("normal", "abnormal")),
        ImageArrays(path=places / "both.npz", array="normal", hold_out=0.4, **store),
        ImageArrays(path=places / "both.npz", array="normal", hold_out=places / "held.npy", **store),
        ImageArrays(path=places / "held.npy", **store),
        *(Digits(classes=classes) for classes in (None, (9,), (0, 1), (1, 9))),
    ]
    sets = [each for train in train_sets for each in (train, train.held_out())]
    same_shape = [(a, b) for a, b in product(sets, sets) if a.shape == b.shape]
    assert [bool(shared_samples(a, b)) for a, b in same_shape] == [bool(pixels(a) & pixels(b)) for a, b in same_shape]


def test_a_set_that_alters_some_samples_shares_the_others():
    train_sets = [
        *(Digits(classes=classes) for classes in (None, (0, 1), (9,))),
        *(StrokeDigits(classes=classes, share=0.5) for classes in (None, (9,))),
        StrokeDigits(stroke_seed=1),
        StrokeDigits(classes=(9,), share=0.5, stroke_seed=2),
    ]
    sets = [each for train in train_sets for each in (train, train.held_out())]
    assert [bool(shared_samples(a, b)) for a, b in product(sets, sets)] == [
        bool(pixels(a) & pixels(b)) for a, b in product(sets, sets)
    ]


@pytest.mark.parametrize("metric", [AUROC, AUPRC, FPRAtTPR])
def test_digits_without_a_stroke_are_not_abnormal(metric):
    assert_names(refusal(metric(StrokeDigits(share=0.5)), Digits()), "`other`", "[data]", "test split", "normal")
    assert_names(refusal(metric(StrokeDigits(share=0.5), other_split="train"), Digits()), "trained on")


NO_NINE, NINE = Digits(classes=tuple(range(9))), Digits(classes=(9,))


@pytest.mark.parametrize("metric", [AUROC, AUPRC, FPRAtTPR])
def test_a_class_that_was_not_left_out_is_refused(metric):
    assert_names(refusal(metric(NINE), Digits()), "`other`", "[data]", "test split", "normal", "classes")
    assert_names(refusal(metric(Digits(classes=(8, 9))), NO_NINE), "[8]", "test split")
    assert_names(refusal(metric(Digits()), NO_NINE), "`other`", "test split")
    assert_names(refusal(metric(NINE, other_split="train"), Digits()), "train split", "trained", "other_split")
    assert not refusal(metric(NINE), NO_NINE) and not refusal(metric(NINE, other_split="train"), NO_NINE)


def test_the_same_pictures_read_in_another_way_are_refused(places):
    data = ImageFolder(path=places / "many", flip=True, **EIGHT)
    plain = replace(data, flip=False)
    for other in (plain, replace(plain, crop=6, filter="lanczos"), ImageFolder(path=places / "links", **EIGHT)):
        assert_names(refusal(AUROC(other, Error(), other_split="train"), data), "[data]", "split of")
    assert_names(refusal(AUROC(plain), data), f"{data.held_out().size} of the {data.held_out().size}", "test split")
    assert_names(refusal(AUROC(plain, other_split="train"), data), "train split", "trained")
    assert not refusal(AUROC(ImageFolder(path=places / "few", **EIGHT), other_split="train"), data)


def test_training_samples_can_be_told_from_held_out_ones_if_the_recipe_says_so():
    assert not refusal(AUROC(Digits(), split="train"), Digits())
    assert_names(refusal(AUROC(NINE, split="train", other_split="train"), Digits()), "train split", "normal")


def test_strokes_make_other_pictures():
    assert not refusal(AUROC(StrokeDigits()), Digits())
    assert not refusal(Dice(StrokeDigits()), StrokeDigits())  # held-out pictures, with their masks
    assert_names(refusal(Dice(StrokeDigits(), other_split="train"), StrokeDigits()), "train split", "trained")
    assert not refusal(Dice(StrokeDigits(brightness=0.1), other_split="train"), StrokeDigits())


def test_pixels_of_pictures_that_were_trained_on_are_refused(tmp_path):
    write_folder(tmp_path / "pictures", 30)
    for index in range(30):
        write_picture(tmp_path / "masks" / f"{index:04d}.png", np.eye(12, dtype=np.uint8) * 255)
    data = ImageFolder(path=tmp_path / "pictures", **EIGHT)
    marked = MaskedFolder(path=tmp_path / "pictures", masks=tmp_path / "masks", **EIGHT)
    assert not refusal(PixelAUROC(marked), data)  # held-out pictures
    assert_names(refusal(PixelAUROC(replace(marked, hold_out=0.9)), data), "trained", "train split")


def test_sets_without_files_at_hand_are_compared_by_the_keys_that_choose_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data, read_otherwise, other in [
        (CIFAR10(path=Path("cifar")), {"flip": True, "path": tmp_path / "cifar"}, {"path": Path("copy")}),
        (CIFAR10(hub="a/b"), {"flip": True}, {"hub": "a/c"}),
        (HubImages(hub="a/b", resolution=8), {"crop": 4, "percentiles": (1.0, 99.0)}, {"config": "large"}),
        (HubStream(hub="a/b", resolution=8), {"window": 9, "value_window": (0.0, 9.0)}, {"hold_out": "val"}),
    ]:
        same = replace(data, **read_otherwise)
        assert same != data and shared_samples(same, data) == "the samples"
        assert shared_samples(same.held_out(), data.held_out()) and not shared_samples(same, data.held_out())
        assert not shared_samples(replace(data, **other), data)
        assert not shared_samples(ImageFolder(path=tmp_path, **EIGHT), data)
    assert not shared_samples(MNIST(path=tmp_path), FashionMNIST(path=tmp_path))
    one, two = (CIFAR10(path=tmp_path, classes=classes) for classes in ((1,), (1, 2)))
    assert "[1]" in shared_samples(one, two) and not shared_samples(one, replace(two, classes=(3,)))


def test_fresh_points_were_not_trained_on():
    refuse_trained_on(EightGaussians(), EightGaussians())
    with pytest.raises(ValueError, match="normal"):
        refuse_normal(EightGaussians(), EightGaussians())
    with pytest.raises(ValueError, match="trained"):
        refuse_trained_on(Digits(), Digits())


def test_pictures_that_are_missing_are_shared_by_nobody(tmp_path):
    missing = ImageFolder(path=tmp_path / "none", **EIGHT)
    write_picture(tmp_path / "some" / "a.png", noise_picture(8, 8))
    assert shared_samples(missing, ImageFolder(path=tmp_path / "some", **EIGHT)) == ""
    assert len(missing.file_keys) == 0
