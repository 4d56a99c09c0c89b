"""Streams: a picture is a function of (seed, position), and each epoch has each picture once."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, genkit, genkit_process, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture

from genkit.api import Noise, Rows
from genkit.bases.pictures import parquet_stream as streams
from genkit.core.data_order import indices_of_step
from genkit.errors import UsageError
from genkit.parts.datasets.hub_stream import HubStream

pytestmark = pytest.mark.trains


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    """Keep what the library prepares out of the user's cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")


def write(folder, name, labels, group=4):
    """Write a file in row groups; all pixels of a picture have the value of its label."""
    import datasets

    folder.mkdir(exist_ok=True)
    pictures = [Image.fromarray(np.full((5, 5), label, np.uint8)) for label in labels]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    table = datasets.Dataset.from_dict({"image": pictures, "label": list(labels)}, features)
    table.to_parquet(folder / name, batch_size=group)


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "set"
    write(folder, "train-00000-of-00003.parquet", range(0, 20))
    write(folder, "train-00001-of-00003.parquet", range(20, 33))
    write(folder, "train-00002-of-00003.parquet", range(33, 50))
    write(folder, "test-00000-of-00001.parquet", range(100, 109))
    return str(folder)


def data(hub, **keys):
    return HubStream(**{"hub": hub, "resolution": 4, "channels": 1, "window": 12} | keys)


def labels(data, positions, seed=0):
    samples = data.batch(torch.tensor(positions), Noise(seed, 0, "data", Rows.all(len(positions))))
    assert torch.equal(samples.x, samples.extra["label"][:, None, None, None].expand_as(samples.x).float() / 255)
    return samples.extra["label"].tolist()


def test_every_epoch_has_each_picture_once_in_another_order(hub):
    first, second = (labels(data(hub), list(range(start, start + 50))) for start in (0, 50))
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    assert first != sorted(first) and first != labels(data(hub), list(range(50)), seed=1)


def test_a_position_always_has_the_same_picture(hub):
    whole = labels(data(hub), list(range(100)))
    for position in (73, 0, 99, 50, 49):
        assert labels(data(hub), [position]) == [whole[position]]


def test_a_window_mixes_no_more_row_groups_than_needed(hub, monkeypatch):
    read, reading = [], streams.read_rows
    monkeypatch.setattr(streams, "read_rows", lambda group, *columns: (read.append(group), reading(group, *columns))[1])
    shades = labels(data(hub), list(range(12)))
    assert 3 <= len(read) <= 4 and len({shade // 4 for shade in shades}) >= 3


def test_the_train_split_has_no_size_and_the_engine_counts_positions(hub):
    assert (data(hub).size, data(hub).shape, data(hub).split, data(hub).unmet()) == (None, (1, 4, 4), "train", ())
    steps = [labels(data(hub), indices_of_step(0, step, 8, None).tolist()) for step in range(6)]
    assert len({label for step in steps for label in step}) == 48


def test_the_held_out_split_is_in_the_order_of_its_files(hub):
    held_out = data(hub).held_out()
    assert (held_out.size, held_out.split, held_out.unmet()) == (9, "test", ())
    assert labels(held_out, [0, 8, 3]) == [100, 108, 103] and data(hub, split="test").held_out().size == 9
    with pytest.raises(UsageError) as caught:
        _ = data(hub, hold_out="other").held_out().size
    assert_names(caught.value, "[data] hub", hub, "no split 'other'", "train, test")


def recipe_of(folder, hub, **keys):
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    data = f'use = "hub-stream"\nhub = "{hub}"\nresolution = 4\nchannels = 1\nwindow = 12\n{table}'
    return write_recipe(folder, IMAGES.replace('use = "digits"', data).replace("steps = 5", "steps = 12"))


def break_one(folder):
    import datasets

    encoded = [{"bytes": b"no picture", "path": None}] * 2
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    datasets.Dataset.from_dict({"image": encoded, "label": [1, 2]}, features).to_parquet(
        f"{folder}/train-00003-of-00003.parquet"
    )


def test_a_bad_picture_is_an_error_or_replaced_by_the_next(hub):
    break_one(hub)
    with pytest.raises(UsageError, match=r"row group 0, row [01]: not an image") as caught:
        labels(data(hub), list(range(52)))
    assert_names(caught.value, hub, "train-00003-of-00003.parquet", 'on_bad = "skip"')
    skipping = data(hub, on_bad="skip")
    assert set(labels(skipping, list(range(52)))) <= set(range(50))
    assert [bad.name[-5:] for bad in skipping.skipped_in_batches()] == ["row 0", "row 1"]


def test_flips_depend_on_the_step_and_spare_the_held_out_split(hub, tmp_path):
    import datasets

    pictures = {"image": [Image.fromarray(noise_picture(4, 4, 1, seed=seed)) for seed in range(40)]}
    table = datasets.Dataset.from_dict(pictures, datasets.Features({"image": datasets.Image()}))
    (tmp_path / "f").mkdir()
    for split in ("train", "test"):
        table.to_parquet(tmp_path / "f" / f"{split}.parquet")

    def x(step, flip, split="train"):
        noise = Noise(0, step, "data", Rows.all(40))
        return data(str(tmp_path / "f"), split=split, flip=flip).batch(torch.arange(40), noise).x

    assert torch.equal(x(1, True, "test"), x(2, False, "test"))
    assert torch.equal(x(1, True), x(1, True)) and not torch.equal(x(1, True), x(2, True))
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(x(1, True), x(1, False)))


def test_a_missing_folder_and_files_of_another_format_are_named(tmp_path):
    (unmet,) = data(str(tmp_path / "absent")).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "absent", "not found")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="cannot be read as parquet") as caught:
        labels(data(str(tmp_path / "text")), [0])
    assert_names(caught.value, "[data] hub", tmp_path / "text", '"hub-images"')
    assert data("someone/something").unmet() == ()


@pytest.mark.trains
def test_a_bad_picture_stops_a_run_without_loss_of_a_step(tmp_path, hub, monkeypatch):
    """Two processes train, and only one of them reads the picture."""
    monkeypatch.chdir(tmp_path)
    break_one(hub)
    recipe = recipe_of(tmp_path, hub)
    said = genkit_process("run", str(recipe), "--processes", "2", cwd=tmp_path)
    run = tmp_path / "runs/0001-tiny-s0"
    (saved,) = (int(path.name[-8:]) for path in run.glob("checkpoints/step-*"))
    assert (
        said.returncode == 1
        and said.stderr.count("row 0: not an image") + said.stderr.count("row 1: not an image") == 1
    ), said.stderr
    assert 0 < saved < 12
    assert_names(said.stderr, f"step {saved}", "recipe.resolved.toml", "genkit resume runs/0001-tiny-s0")
    assert_names(said.stderr, "--processes 2")

    resolved = run / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace('on_bad = "refuse"', 'on_bad = "skip"'))
    said = genkit("resume", run)
    assert said.code == 0, said.err
    assert_names(said.out, 'on_bad = "skip"', "row 0: not an image")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_picture_is_named_and_skipped_pictures_are_listed_with_workers(tmp_path, hub, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    break_one(hub)
    recipe = recipe_of(tmp_path, hub)
    said = genkit("run", recipe, "--workers", workers)
    assert said.code == 1
    assert_names(said.err, "the state is saved", "train-00003-of-00003.parquet, row group 0, row", "not an image")
    said = genkit("run", recipe, "--workers", workers, "--set", "data.on_bad=skip")
    assert said.code == 0, said.err
    assert_names(said.out, 'on_bad = "skip"', "row 0: not an image", "row 1: not an image")


@pytest.mark.trains
def test_a_resume_refuses_a_changed_stream(tmp_path, hub, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = recipe_of(tmp_path, hub)
    assert genkit("run", recipe, "--set", "checkpoint.every=6").code == 0
    (run,) = (tmp_path / "runs").glob("0001*")
    for path in (run / "checkpoints/step-00000012", run / "final"):
        path.rename(tmp_path / path.name)
    write(tmp_path / "set", "train-00001-of-00003.parquet", range(20, 32))
    assert_names(refused("resume", run), "50 samples", "49")
    write(tmp_path / "set", "train-00001-of-00003.parquet", range(20, 33), group=5)
    message = refused("resume", run)
    assert_names(message, "[data]")
    assert "50 samples" not in message  # the number has not changed, only the order
    write(tmp_path / "set", "train-00001-of-00003.parquet", range(20, 33))
    assert genkit("resume", run).code == 0


def test_data_check_decodes_every_picture_of_a_stream(tmp_path, hub):
    recipe = recipe_of(tmp_path, hub)
    (train, test) = json.loads(genkit("data", "check", recipe, "--json").out)["splits"]
    assert (train["number"], test["number"], train["classes"]) == (50, 9, 50)
    assert train["sizes"] == [{"width": 5, "height": 5, "number": 50}] and not train["named_alike"]
    break_one(hub)
    said = genkit("data", "check", recipe)
    assert said.code == 2
    assert_names(said.out, "row 1: not an image")
    assert_names(said.err, "2 of 52 pictures", 'on_bad = "skip"')
    assert genkit("data", "check", recipe, "--set", "data.on_bad=skip").code == 0
