"""``genkit data``, and runs on a folder of pictures: what is wrong is told first, and a resume is bit-equal."""

import json
import shutil

import pytest
from PIL import Image
from safetensors.torch import load_file
from support.commands import genkit, genkit_process, write_recipe
from support.pictures import noise_picture, write_folder, write_picture
from support.tiny_recipes import assert_same_bits

from genkit.parts.datasets.pictures.source import is_held_out

RECIPE = """\
title = "faces"

[data]
use = "image-folder"
path = "pictures"
resolution = 8
flip = true
hold_out = 0.3

[model]
use = "small-conv"
channels = [8]
hidden = 16
latent_dim = 4

[loss]
use = "vae"

[optimiser.encoder]
use = "adam"
lr = 1e-3

[optimiser.decoder]
use = "adam"
lr = 1e-3

[train]
batch_size = 4
steps = 6
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.fixture
def recipe(place):
    write_folder(place / "pictures", 24)
    return write_recipe(place, RECIPE)


def test_check_tells_what_is_there_and_writes_nothing(recipe, place):
    write_picture(place / "pictures" / "wide.jpg", noise_picture(10, 40))
    shutil.copy(place / "pictures" / "0003.png", place / "pictures" / "0003.PNG")
    (place / "pictures" / "notes.txt").write_text("")
    said = genkit("data", "check", recipe)
    assert said.code == 0, said.err
    for text in ("1 other file\n", "12 x 12 (", "RGB", "12 x 12 -> 8 x 8, bicubic", "look the same"):
        assert text in said.out
    assert not (place / "cache").exists()

    facts = json.loads(genkit("data", "check", recipe, "--json").out)["splits"]
    assert [split["split"] for split in facts] == ["train", "test"] and sum(split["number"] for split in facts) == 26
    assert {(size["width"], size["height"]) for split in facts for size in split["sizes"]} == {(12, 12), (40, 10)}
    assert sum(len(split["alike"]) for split in facts) == 1


def test_names_that_differ_in_case_alone_are_told(place):
    write_folder(place / "pictures" / "train", 2)
    write_folder(place / "pictures" / "test", 1, start=5)
    shutil.copy(place / "pictures" / "train" / "0001.png", place / "pictures" / "train" / "0001.PNG")
    said = genkit("data", "check", write_recipe(place, RECIPE.replace("hold_out = 0.3\n", "")))
    assert "0001.PNG and 0001.png differ in ending or case alone" in said.out


def test_check_names_bad_pictures_and_fails_where_they_are_refused(recipe, place):
    (place / "pictures" / "text.png").write_text("no picture")
    said = genkit("data", "check", recipe)
    assert said.code == 2 and "text.png: not an image" in said.out and 'on_bad = "skip"' in said.err
    assert genkit("data", "check", recipe, "--set", "data.on_bad=skip").code == 0
    for path in (place / "pictures").iterdir():
        path.write_text("no picture")
    said = genkit("data", "check", recipe, "--set", "data.on_bad=skip")
    assert said.code == 2 and "pictures cannot be used" in said.err


def test_check_tells_of_pictures_that_are_enlarged_or_of_a_single_pixel(recipe, place):
    write_picture(place / "pictures" / "low.png", noise_picture(3, 20))
    write_picture(place / "pictures" / "pixel.png", noise_picture(1, 1))
    said = genkit("data", "check", recipe)
    assert said.code == 2 and "pixel.png: a single pixel" in said.err
    assert "1 picture has fewer pixels than the network sees; smallest: low.png, 20 x 3" in said.out


def test_what_is_bad_in_either_split_is_told_at_once_with_the_split(place):
    for split in ("train", "test"):
        write_folder(place / "pictures" / split, 8)
        (place / "pictures" / split / f"text-{split}.png").write_text("no picture")
    said = genkit("run", write_recipe(place, RECIPE.replace("hold_out = 0.3\n", "")))
    assert said.code == 2
    for split in ("train", "test"):
        assert f"pictures/{split}, {split} split: 1 of 9" in said.err and f"text-{split}.png: not an image" in said.err


def test_prepare_makes_the_stores_and_mends_them(recipe, place):
    said = genkit("data", "prepare", recipe)
    assert said.code == 0, said.err
    prepared = json.loads(genkit("data", "prepare", recipe, "--json").out)["prepared"]
    assert sum(line["pictures"] for line in prepared) == 24 and all(line["store"] in said.out for line in prepared)

    images = place / prepared[0]["store"] / "images.bin"
    content = images.read_bytes()
    images.write_bytes(content[:-1])
    assert "`genkit data prepare RECIPE`" in genkit("run", recipe, "-q").err
    assert genkit("data", "prepare", recipe).code == 0 and images.read_bytes() == content


def test_show_draws_what_the_network_will_see(recipe, place):
    said = genkit("data", "show", recipe, "--out", place / "seen.png")
    assert said.code == 0 and Image.open(place / "seen.png").size[0] > 600
    first = (place / "seen.png").read_bytes()
    genkit("data", "show", recipe, "--out", place / "seen.png", "--set", "data.flip=false")
    assert (place / "seen.png").read_bytes() != first
    said = genkit("data", "show", recipe, "--out", place / "deep" / "er" / "seen.png")
    assert said.out.endswith("deep/er/seen.png\n") and (place / "deep" / "er" / "seen.png").is_file()
    assert "ends in .png" in genkit("data", "show", recipe, "--out", place / "seen.jpg").err


def test_data_without_pictures_are_told(place):
    recipe = write_recipe(place)
    assert "8-gaussians" not in genkit("data", "check", recipe).err
    assert "never ends" in genkit("data", "check", recipe).out
    assert "need no preparation" in genkit("data", "prepare", recipe).out
    said = genkit("data", "show", recipe)
    assert said.code == 2 and "samples of shape (2,), expected pictures" in said.err


@pytest.mark.parametrize("command", ["check", "prepare", "show"])
def test_what_is_absent_says_how_to_get_it(place, command):
    text = RECIPE.replace('"image-folder"', '"celeba"').replace("hold_out = 0.3\n", "")
    said = genkit("data", command, write_recipe(place, text))
    assert said.code == 2 and "img_align_celeba.zip" in said.err


def test_a_plan_is_made_where_the_data_are_absent(place):
    said = genkit("plan", write_recipe(place, RECIPE.replace("steps = 6", "epochs = 2")))
    assert said.code == 0 and "unmet" in said.out and "Give a folder of pictures" in said.out
    assert "2 epochs" in said.out


def test_a_plan_counts_the_steps_of_epochs_without_decoding(recipe, place):
    recipe = write_recipe(place, RECIPE.replace("steps = 6", "epochs = 2"))
    facts = json.loads(genkit("plan", recipe, "--json").out)
    assert isinstance(facts["steps"], int) and facts["steps"] % 2 == 0 and not (place / "cache").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.batch_size=64", "batch_size = 64 is more than the"),
        ("data.path=empty", "no picture"),
        ("data.crop=13", r"cannot be used"),
        ("data.crop=[5,5,5,9]", "crop = [5, 5, 5, 9]"),
        ("data.channels=2", "found 2, expected 1 or 3"),
        ("data.resolution=7", "images of 7x7"),
        ("data.filter=cubic", "[data] filter"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_begun(recipe, place, change, message):
    (place / "empty").mkdir()
    said = genkit("run", recipe, "--set", change)
    assert said.code == 2 and not list(place.glob("runs/*-tiny*"))
    assert message in said.err


def test_pictures_that_are_trained_on_are_not_held_out(recipe, place):
    write_folder(place / "pictures" / "within", 3)
    for hold_out in ("pictures", "pictures/within", "."):
        said = genkit("run", recipe, "--set", f"data.hold_out={hold_out}")
        assert said.code == 2 and "[data] hold_out" in said.err and "share pictures" in said.err, hold_out
    write_folder(place / "beside", 3)
    assert genkit("data", "check", recipe, "--set", "data.hold_out=beside").code == 0


def test_bad_pictures_of_both_splits_are_named_at_once_and_by_printable_names(recipe, place):
    for index in range(40):
        (place / "pictures" / f"bad\n{index}.png").write_text("no picture")
    for command in ("check", "prepare"):
        said = genkit("data", command, recipe)
        assert said.code == 2 and said.err.count("cannot be used") == 2, said.err
        assert "bad\\n" in said.err and "bad\n" not in said.err


def test_a_batch_that_the_data_do_not_fill_is_unmet_in_the_plan(recipe):
    said = genkit("plan", recipe, "--set", "train.batch_size=64")
    assert said.code == 0 and "unmet       [train] batch_size = 64 is more than the" in said.out


def test_a_run_tells_how_many_pictures_it_goes_without(recipe, place):
    (place / "pictures" / "text.png").write_text("no picture")
    said = genkit("run", recipe, "--set", "data.on_bad=skip")
    assert said.code == 0 and "1 picture of the" in said.out and 'on_bad = "skip"' in said.out


def final(run):
    return load_file(run / "final" / "model.safetensors")


def test_a_run_on_flipped_pictures_that_was_stopped_ends_with_the_same_bits(recipe, place):
    keys = ("--set", "checkpoint.every=2", "--set", "checkpoint.keep=9")
    assert genkit("run", recipe, "-q", *keys, "--runs", "whole").code == 0
    assert genkit("run", recipe, "-q", *keys, "--runs", "stopped").code == 0
    (whole,), (stopped,) = (list((place / runs).glob("0001-*")) for runs in ("whole", "stopped"))
    shutil.rmtree(stopped / "final")
    for step in (4, 6):
        shutil.rmtree(stopped / "checkpoints" / f"step-{step:08d}")
    said = genkit("resume", stopped, "-q")
    assert said.code == 0, said.err
    assert_same_bits(final(whole), final(stopped))
    assert (whole / "metrics.jsonl").read_bytes() == (stopped / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("added", [True, False])
def test_a_resume_on_other_pictures_is_refused(recipe, place, added):
    assert genkit("run", recipe, "-q", "--set", "checkpoint.every=2", "--set", "checkpoint.keep=9").code == 0
    (run,) = place.glob("runs/0001-*")
    shutil.rmtree(run / "final")
    shutil.rmtree(run / "checkpoints" / "step-00000006")
    if added:
        write_folder(place / "pictures", 30, start=100)
    else:
        for index in range(24):
            write_picture(place / "pictures" / f"{index:04d}.png", noise_picture(12, 12, seed=index + 50))
    said = genkit("resume", run, "-q")
    assert said.code == 2 and "[data]" in said.err and "training samples" in said.err
    assert ("samples then" in said.err) == added and "warm_start" in said.err


@pytest.mark.parametrize("held_out", [True, False])
def test_one_picture_that_has_changed_is_noticed(recipe, place, held_out):
    write_folder(place / "pictures", 176, start=24)  # far more than are looked at by any spot check of a few
    assert genkit("run", recipe, "-q").code == 0
    (run,) = place.glob("runs/0001-*")
    names = sorted(path.name for path in (place / "pictures").iterdir())
    name = next(name for name in names[101:] if is_held_out(name, 0.3) == held_out)
    write_picture(place / "pictures" / name, noise_picture(12, 12, seed=999))
    told = "held-out samples" if held_out else "training samples"
    before = (run / "figures" / "reconstructions.png").read_bytes()
    for command in ("eval", "reconstruct", "figures"):
        said = genkit(command, run)
        assert said.code == 2 and "[data]" in said.err and told in said.err, command
    assert (run / "figures" / "reconstructions.png").read_bytes() == before


@pytest.mark.parametrize("command", ["eval", "reconstruct"])
def test_pictures_that_were_trained_on_are_not_evaluated_as_held_out(recipe, place, command):
    assert genkit("run", recipe, "-q").code == 0
    (run,) = place.glob("runs/0001-*")
    for whole in (run, run / "final"):
        said = genkit(command, whole, "--set", "data.hold_out=0.6")
        assert said.code == 2 and "samples then" in said.err and "may be among what the model has learnt" in said.err
    assert genkit(command, run).code == 0


def test_two_processes_prepare_once_and_train(recipe, place):
    done = genkit_process("run", str(recipe), "--processes", "2", "-q", cwd=place)
    assert done.returncode == 0, done.stderr
    stores = [path for path in (place / "cache" / "pictures").iterdir() if path.is_dir()]
    assert len(stores) == 2
