"""The examples of docs/plugin-bases.md work as the page says, with its recipes."""

from __future__ import annotations

import importlib
import json
import re
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import kstest
from support.evaluations import evaluation_of
from support.messages import assert_names
from support.tiny_parts import registry_with

from genkit.api import BoxedDataset, Noise, Rows, UsageError
from genkit.bases.pictures.source import files_of
from genkit.bases.pictures.splits import inspect_splits
from genkit.engine.distributed import World
from genkit.parts.extractors.pixels import Pixels
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder
from genkit.testing import assert_dataset_is_lawful, assert_metric_is_lawful

PAGE = (Path(__file__).parents[2] / "docs" / "plugin-bases.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="([^"]*)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Return the modules of the page by name; its recipes are in the working folder, beside an archive."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = [name.removesuffix(".py") for name in FILES if name.endswith(".py")]
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def archive(tmp_path):
    """Return an archive of forty pictures in two folders, and a text."""
    path, generator = tmp_path / "pictures.tar", np.random.default_rng(0)
    with tarfile.open(path, "w") as file:
        for number in range(40):
            content = BytesIO()
            Image.fromarray(generator.integers(0, 256, (20, 24), np.uint8)).save(content, "PNG")
            add(file, f"./{'cats' if number % 2 else 'dogs'}/{number:02}.png", content.getvalue())
        add(file, "readme.txt", b"no picture")
    return path


def add(file, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    file.addfile(member, BytesIO(content))


def results_of(plan, tmp_path):
    folder = RunFolder.create(tmp_path / "runs", plan.document, dict(plan.resolved))
    train_in_folder(plan, folder, World())
    assert list((folder.path / "samples").glob("*.png"))
    results = json.loads((folder.path / "results.json").read_text(encoding="utf-8"))
    return {result["label"]: result["value"] for result in results}


def test_the_page_has_three_plugins_and_two_recipes():
    assert set(FILES) == {"genkit_shapes.py", "genkit_tar.py", "genkit_novelty.py", "triangle.toml", "archive.toml"}


def test_the_protocols_of_the_page_are_public():
    listed = set(re.findall(r"`(\w+(?:Dataset|Source|Pictures|Remarks|Files|Metric))`", PAGE))
    assert {"BoxedDataset", "NamedDataset", "SourceOfFiles", "ListedPictures", "NeighbourMetric"} <= listed
    public = [importlib.import_module(f"genkit.api{end}") for end in ("", ".pictures")]
    assert all(any(hasattr(module, name) for module in public) for name in listed)


def test_the_densities_are_lawful_and_the_annulus_is_uniform_over_its_area(modules):
    shapes = modules["genkit_shapes"]
    for data in (shapes.Annulus(), shapes.Triangle()):
        assert_dataset_is_lawful(data)
        assert isinstance(data, BoxedDataset)
    x = shapes.Annulus().batch(torch.arange(20_000), Noise(0, 0, "data", Rows.all(20_000))).x.double()
    assert kstest((x.square().sum(dim=1).numpy() - 1) / 3, "uniform").pvalue > 0.01
    with pytest.raises(ValueError) as refused:
        shapes.Annulus(inner=2.0)
    assert_names(refused.value, "outer = 2", "inner = 2")


@pytest.mark.trains
def test_the_recipe_of_the_triangle_has_all_its_numbers(modules, tmp_path):
    results = results_of(make_plan("triangle.toml", registry=registry_with(modules["genkit_shapes"])), tmp_path)
    assert results.keys() == {"gnelbo", "modes", "high-quality", "histogram-kl"} and None not in results.values()


def tar_pictures(modules, path, tmp_path, **keys):
    keys = {"resolution": 8, "channels": 1, "hold_out": 0.3, "store": tmp_path / "store", **keys}
    return modules["genkit_tar"].TarPictures(path=path, **keys)


def test_the_pictures_of_an_archive_are_lawful_labelled_and_those_of_the_files(modules, archive, tmp_path):
    data = tar_pictures(modules, archive, tmp_path)
    assert_dataset_is_lawful(data)
    splits = (data, data.held_out())
    assert data.size > data.held_out().size > 0 and sum(split.size for split in splits) == 40
    assert data.class_names() == ("cats", "dogs") and data.class_labels().unique().tolist() == [0, 1]
    assert list(files_of(data.source())) == [archive]
    with tarfile.open(archive) as file:
        name = data.sample_names()[0]
        first = Image.open(file.extractfile(f"./{name}")).resize((8, 8), Image.Resampling.BICUBIC)
    assert np.array_equal(data.arrays.images[0, 0], np.asarray(first))
    reports = inspect_splits(splits).reports
    assert [report.number for report in reports] == [split.size for split in splits]


def test_an_archive_that_cannot_be_used_is_refused_with_its_path(modules, archive, tmp_path):
    packed, empty, missing = tmp_path / "packed.tar", tmp_path / "empty.tar", tmp_path / "missing.tar"
    with tarfile.open(packed, "w:gz") as file:
        add(file, "1.png", b"")
    with tarfile.open(empty, "w") as file:
        add(file, "readme.txt", b"no picture")
    for path, named in ((packed, "compressed"), (empty, ".png"), (missing, "No such file")):
        data = tar_pictures(modules, path, tmp_path)
        assert_names(data.unmet()[0], f"[data] path: {path}: ")
        with pytest.raises(UsageError) as refused:
            data.source()
        assert named.lower() in str(refused.value).lower()


def test_novelty_is_the_distance_to_the_nearest_data(modules, monkeypatch, tmp_path):
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path))
    novelty = modules["genkit_novelty"].Novelty(Pixels(), samples=3)
    real = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    fake = torch.tensor([[3.0, 4.0], [10.0, 1.0], [0.0, 23.0]])
    assert novelty.compute(evaluation_of(fake, real)) == pytest.approx((5 + 1 + 3) / 3)
    assert novelty.compute(evaluation_of(real.flip(0), real)) == 0
    assert_metric_is_lawful(novelty)


@pytest.mark.trains
def test_the_recipe_of_the_archive_has_the_novelty_of_its_samples(modules, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "cache"))
    plan = make_plan("archive.toml", registry=registry_with(modules["genkit_tar"], modules["genkit_novelty"]))
    assert results_of(plan, tmp_path)["novelty"] > 0
