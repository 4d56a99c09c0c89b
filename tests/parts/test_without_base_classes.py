"""Parts that derive from nothing get what built-in parts get: what they know decides, not their class."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from support.evaluations import evaluation_of
from support.messages import assert_names
from support.tiny_parts import registry_with

from genkit.api import BoxedDataset, DensitySet, DigitsDataset, GaussianMixture, MultimodalDataset, PictureSet, Samples
from genkit.bases.metrics.histogram_2d import box_half_width
from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.source import Subset, files_of, whole_source
from genkit.bases.pictures.splits import inspect_splits, remarks_on_splits
from genkit.core.known_data import box_of_plane, modes_of
from genkit.engine.distributed import World
from genkit.errors import UsageError
from genkit.hooks import Entry, hookimpl
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.fashion_mnist import FashionMNIST
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.parts.extractors.inception import SHA256, Inception
from genkit.parts.metrics.frechet import FID
from genkit.parts.metrics.histogram import HistogramJSD, HistogramKL
from genkit.parts.metrics.label_accuracy import LabelAccuracy
from genkit.parts.metrics.modes import HighQuality, Modes
from genkit.parts.metrics.published_2d import ReferenceJSD, ReferenceKL
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Recipe, Train, Use
from genkit.runs.training.train import train_in_folder
from genkit.tables.cells import Cell
from genkit.tables.experiment import Experiment
from genkit.tables.figure import check_figure, save_figure
from genkit.tables.read_table import read_table

PUBLISHED = EightGaussians()


@dataclass(frozen=True)
class Plain:
    """The eight Gaussians, written without a base class."""

    shape: tuple[int, ...] = field(default=(2,), init=False)
    split: str = field(default="drawn", init=False)
    size: None = field(default=None, init=False)
    half_width: float = field(default=PUBLISHED.half_width, init=False)
    std: float = field(default=PUBLISHED.std, init=False)

    @property
    def centres(self):
        return PUBLISHED.centres.float()  # a plugin may use another dtype

    def unmet(self):
        return ()

    def held_out(self):
        return self

    def batch(self, indices, noise):
        mode = noise.randint("mode", 8)
        return Samples(self.centres[mode].to(noise.dtype) + self.std * noise.randn("spread", 2))


class PlainPlugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield Entry("plain", f"{__name__}:Plain", "Eight Gaussians.", "this test")


def test_the_protocols_hold_for_what_a_data_set_knows_and_not_for_its_class():
    assert not isinstance(Plain(), (DensitySet, GaussianMixture))
    assert isinstance(Plain(), BoxedDataset) and isinstance(Plain(), MultimodalDataset)
    assert not isinstance(Digits(), (BoxedDataset, MultimodalDataset))
    assert box_of_plane(Digits()) is None and modes_of(Digits()) is None
    in_space = type("InSpace", (Plain,), {})()
    object.__setattr__(in_space, "shape", (3,))
    assert isinstance(in_space, BoxedDataset) and box_of_plane(in_space) is None  # its box is not a square
    assert box_of_plane(Plain()) == PUBLISHED.half_width
    assert torch.allclose(modes_of(Plain())[0], PUBLISHED.centres, atol=1e-6)


METRICS = [HistogramKL, HistogramJSD, ReferenceKL, ReferenceJSD, Modes, HighQuality]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_plain_density_has_the_numbers_of_the_density_that_it_copies(metric):
    draws = [torch.randn(3000, 2, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    numbers = [metric().compute(evaluation_of(*draws, data=data)) for data in (Plain(), PUBLISHED)]
    assert numbers[0] == numbers[1]
    assert metric().protocol(Plain(), None) == metric().protocol(PUBLISHED, None)


WRONG = {
    "a negative box": ({"half_width": -1.0}, box_of_plane, "half_width"),
    "a box without an end": ({"half_width": float("inf")}, box_half_width, "half_width"),
    "a box that is a text": ({"half_width": "2"}, box_of_plane, "half_width"),
    "means of another dimension": ({"centres": torch.zeros(8, 3)}, modes_of, "(8, 3)"),
    "no mean": ({"centres": torch.zeros(0, 2)}, modes_of, "(0, 2)"),
    "a mean that is not finite": ({"centres": torch.full((1, 2), torch.nan)}, modes_of, "finite"),
    "no spread": ({"std": 0.0}, modes_of, "std"),
}


@pytest.mark.parametrize("case", WRONG)
def test_knowledge_that_would_make_numbers_meaningless_is_refused(case):
    changed, function, named = WRONG[case]
    data = type("Wrong", (Plain,), changed)()
    for name, value in changed.items():
        if name != "centres":
            object.__setattr__(data, name, value)
    with pytest.raises(ValueError) as refused:
        function(data)
    assert_names(refused.value, "Wrong", named)


def test_a_wrong_box_is_a_refusal_of_the_figure_with_its_cell(tmp_path):
    wrong = Plain()
    object.__setattr__(wrong, "half_width", 0.0)
    with pytest.raises(UsageError) as refused:
        check_figure(tmp_path / "f.png", [experiment(SimpleNamespace(data=wrong), tmp_path)])
    assert_names(refused.value, "a/narrow", "half_width", "Plain")


def recipe():
    return Recipe(
        title="plain",
        data=Use("plain"),
        model=Use("mlp", width=8, layers=0),
        loss=Use("vae"),
        optimiser={"encoder": Use("adam", lr=1e-3), "decoder": Use("adam", lr=1e-3)},
        metrics={"modes": Use("modes", samples=100), "kl": Use("histogram-kl")},
        train=Train(steps=2, batch_size=4),
    )


def experiment(plan, folder):
    return Experiment(Cell("a", "narrow", folder / "plain.toml", ()), 0, plan)


TABLE = """\
title = "plain"
metrics = ["modes"]
seeds = [0]
[columns.narrow]
recipe = "plain.toml"
[rows.a]
"""


@pytest.mark.trains
def test_a_run_on_a_plain_density_has_numbers_pictures_and_a_panel_of_a_figure(tmp_path):
    plan = make_plan(recipe(), registry=registry_with(PlainPlugin()))
    of_table = experiment(plan, tmp_path)
    check_figure(tmp_path / "f.png", [of_table])
    folder = of_table.open_folder(tmp_path / "runs")
    train_in_folder(plan, folder, World())

    results = json.loads((folder.path / "results.json").read_text(encoding="utf-8"))
    assert {result["label"] for result in results if result["value"] is not None} == {"modes", "kl"}
    assert list((folder.path / "samples").glob("*.png"))  # the picture of the density

    (tmp_path / "table.toml").write_text(TABLE, encoding="utf-8")
    table = read_table(tmp_path / "table.toml")
    pictures = []
    for runs in (tmp_path / "runs", tmp_path / "none"):
        save_figure(tmp_path / "f.png", table, [of_table], runs)
        pictures.append(np.asarray(Image.open(tmp_path / "f.png").convert("RGB")))
    colours = [len(np.unique(picture.reshape(-1, 3), axis=0)) for picture in pictures]
    assert colours[0] > colours[1] + 50  # a density in place of a text


# Features of the published network


@dataclass(frozen=True)
class OwnInception:
    """An extractor of a plugin that reads the published weights."""

    features: int = 2048
    digest: str = SHA256
    name: str = "own-inception"

    def unmet(self):
        return ()

    def resize(self, shape):
        return "bilinear, to 299 x 299"

    def width(self, shape):
        return self.features

    def __call__(self, x):
        return x.flatten(1)[:, :1].expand(-1, self.features)


def test_the_hash_of_the_weights_decides_whether_features_are_those_of_fid():
    data = StandIn(shape=(3, 16, 16), size=3000)
    protocol = FID(OwnInception(), samples=3000).protocol(data, None)
    assert protocol.extractor == f"own-inception {SHA256[:8]}"
    assert protocol != FID(Inception("w.pth"), samples=3000).protocol(data, None)  # so the numbers are never compared
    with pytest.raises(ValueError) as refused:
        FID(OwnInception(digest=SHA256[::-1]))
    assert_names(refused.value, "own-inception", "FID", "frechet-distance")
    with pytest.raises(ValueError) as refused:
        FID(OwnInception(features=1008), samples=3000).protocol(data, None)
    assert_names(refused.value, "own-inception", "1008", "2048", "frechet-distance")


# Digits


class Conditional:
    condition_classes = 10


@dataclass(frozen=True)
class OwnDigits(StandIn):
    """Digits of a plugin, larger than those of MNIST."""

    labels_are_digits: bool = True


def test_a_data_set_says_whether_its_labels_are_digits(tmp_path):
    shape = (1, 32, 32)
    assert LabelAccuracy().protocol(OwnDigits(shape, classes=10), Conditional).details["classes"] == 10
    for data in (OwnDigits(shape, classes=10, labels_are_digits=False), StandIn(shape, classes=10), Plain()):
        with pytest.raises(ValueError) as refused:
            LabelAccuracy().protocol(data, Conditional)
        assert_names(refused.value, "digits", "label-accuracy")
    known = [
        Digits(),
        MNIST(path=tmp_path),
        FashionMNIST(path=tmp_path),
        StrokeDigits(),
        StandIn((1, 28, 28)),
        StandIn(shape),
    ]
    assert all(isinstance(data, DigitsDataset) for data in known)
    assert [data.labels_are_digits for data in known] == [True, True, False, False, True, False]


# Sources of pictures


class OwnSource:
    """Two pictures of one file, by a plugin."""

    where, labels, classes = "two.bin", np.array([1, 0]), ("cat", "dog")

    def __init__(self, path):
        self.path = path

    def __len__(self):
        return 2

    def name(self, index):
        return f"frame {index}"

    def picture(self, index):
        return ArrayPicture(np.full((4, 4, 1), 100 * index, np.uint8))

    def digest(self):
        return "two"

    def file(self, index):
        return self.path

    def remarks(self):
        return ["[data] two.bin: only two frames"]


@dataclass(frozen=True, kw_only=True)
class OwnSet(PictureSet):
    path: Path

    def source(self):
        whole = OwnSource(self.path)
        return whole if self.split == "train" else Subset(whole, np.array([1]))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_source_of_a_plugin_names_its_classes_its_remarks_and_its_files(tmp_path, split):
    path = tmp_path / "two.bin"
    data = OwnSet(path=path, resolution=4, channels=1, split=split, store=str(tmp_path / "store"))
    assert data.class_names() == ("cat", "dog")
    assert data.remarks == ("[data] two.bin: only two frames",)
    assert list(files_of(data.listed)) == [path]
    assert data.arrays.images.max() == 100 and remarks_on_splits(data) == [*data.remarks]
    [report] = inspect_splits([data]).reports
    assert report.number == len(data.listed) and report.classes == len(set(data.listed.labels))


def test_the_files_of_a_subset_of_a_subset_are_those_of_its_rows(tmp_path):
    for number in range(4):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    inner = Subset(list_files(tmp_path), np.array([3, 1, 2]))
    both = Subset(inner, np.array([0, 2]))
    assert [file.name for file in files_of(both)] == ["3.png", "2.png"]
    assert whole_source(both) is inner.source is whole_source(inner.source)
