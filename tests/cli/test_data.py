"""`genkit data`, and runs on a folder of pictures: problems are reported before training, and a resume is bit-equal."""

import json
import re
import shutil

import pytest
from PIL import Image
from safetensors.torch import load_file
from support.commands import IMAGES, genkit, genkit_process, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture
from support.tiny_recipes import assert_same_bits

from genkit.bases.pictures.source import is_held_out

DATA = """\
use = "image-folder"
path = "pictures"
resolution = 8
flip = true
hold_out = 0.3
"""
RECIPE = (
    IMAGES.replace('use = "digits"\n', DATA)
    .replace("batch_size = 16", "batch_size = 4")
    .replace("steps = 5", "steps = 6")
)


@pytest.fixture(autouse=True)
def place(isolated, own_cache, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return isolated


@pytest.fixture
def recipe(place):
    write_folder(place / "pictures", 24)
    return write_recipe(place, RECIPE)


def only_run(place):
    (run,) = place.glob("runs/0001-*")
    return run


# genkit data


def test_check_reports_all_pictures_and_writes_nothing(recipe, place):
    write_picture(place / "pictures" / "wide.jpg", noise_picture(10, 40))
    shutil.copy(place / "pictures" / "0003.png", place / "pictures" / "0003.PNG")
    (place / "pictures" / "notes.txt").write_text("")
    result = genkit("data", "check", recipe)
    assert result.code == 0, result.err
    assert_names(result.out, "1 other file (.txt 1)\n", "12 x 12 (", "RGB", "12 x 12 -> 8 x 8, bicubic", "\nidentical ")
    assert not (place / "cache").exists()

    facts = json.loads(genkit("data", "check", recipe, "--json").out)["splits"]
    assert [split["split"] for split in facts] == ["train", "test"] and sum(split["number"] for split in facts) == 26
    assert {(size["width"], size["height"]) for split in facts for size in split["sizes"]} == {(12, 12), (40, 10)}
    assert sum(len(split["alike"]) for split in facts) == 1
    assert "\nverdict   usable: " in result.out and result.out.rstrip().endswith("identical, names")


def test_check_names_files_that_differ_only_in_case(place):
    write_folder(place / "pictures" / "train", 2)
    write_folder(place / "pictures" / "test", 1, start=5)
    shutil.copy(place / "pictures" / "train" / "0001.png", place / "pictures" / "train" / "0001.PNG")
    result = genkit("data", "check", write_recipe(place, RECIPE.replace("hold_out = 0.3\n", "")))
    assert_names(result.out, "\nnames ", "0001.PNG and 0001.png")


def test_check_names_bad_pictures_and_fails_where_they_are_refused(recipe, place):
    (place / "pictures" / "text.png").write_text("no picture")
    result = genkit("data", "check", recipe)
    assert result.code == 2
    assert_names(result.out, "\nbad ", "text.png", "\nverdict   not usable: 1 problem\n")
    assert_names(result.err, "[data] ", "text.png", 'on_bad = "skip"')
    assert genkit("data", "check", recipe, "--set", "data.on_bad=skip").code == 0
    for path in (place / "pictures").iterdir():
        path.write_text("no picture")
    result = genkit("data", "check", recipe, "--set", "data.on_bad=skip")
    assert result.code == 2
    assert_names(result.err, "[data] ", "15 of 15 ", "0001.png")


def test_check_compares_the_usable_pictures_with_the_batch_size(recipe, place):
    result = genkit("data", "check", recipe, "--set", "train.batch_size=64", "--json")
    assert result.code == 2 and json.loads(result.out)["usable"] is False
    assert_names(result.err, "[train] batch_size: 64")


def test_check_names_enlarged_pictures_and_single_pixels(recipe, place):
    write_picture(place / "pictures" / "low.png", noise_picture(3, 20))
    write_picture(place / "pictures" / "pixel.png", noise_picture(1, 1))
    result = genkit("data", "check", recipe)
    assert result.code == 2
    assert_names(result.err, "pixel.png", "single pixel")
    assert_names(result.out, "\nenlarged  1 picture ", "low.png, 20 x 3")


def test_check_names_the_pictures_of_a_size_or_mode_that_few_have(recipe, place):
    shapes = [json.loads(genkit("data", "check", recipe, "--json").out)["splits"][n]["rare"] for n in (0, 1)]
    assert shapes == [[], []]
    write_picture(place / "pictures" / "odd.png", noise_picture(21, 20))
    Image.fromarray(noise_picture(20, 20)).convert("L").save(place / "pictures" / "grey.png")
    lines = [line for line in genkit("data", "check", recipe).out.splitlines() if "odd.png" in line or "grey" in line]
    assert any("odd.png, 20 x 21" in line for line in lines) and any("grey.png, mode L" in line for line in lines)


def test_a_run_reports_the_bad_pictures_of_both_splits_at_once(place):
    for split in ("train", "test"):
        write_folder(place / "pictures" / split, 8)
        (place / "pictures" / split / f"text-{split}.png").write_text("no picture")
    message = refused("run", write_recipe(place, RECIPE.replace("hold_out = 0.3\n", "")))
    for split in ("train", "test"):
        assert_names(message, f"pictures/{split}, {split} split: 1 of 9", f"text-{split}.png")


def test_prepare_makes_the_stores_and_repairs_them(recipe, place):
    result = genkit("data", "prepare", recipe)
    assert result.code == 0, result.err
    prepared = json.loads(genkit("data", "prepare", recipe, "--json").out)["prepared"]
    assert sum(line["pictures"] for line in prepared) == 24 and all(line["store"] in result.out for line in prepared)

    images = place / prepared[0]["store"] / "images.bin"
    content = images.read_bytes()
    images.write_bytes(content[:-1])
    assert_names(refused("run", recipe, "-q"), prepared[0]["store"], "`genkit data prepare RECIPE`")
    assert genkit("data", "prepare", recipe).code == 0 and images.read_bytes() == content


def test_show_draws_the_pictures_as_the_network_sees_them(recipe, place):
    result = genkit("data", "show", recipe, "--out", place / "seen.png")
    assert result.code == 0 and Image.open(place / "seen.png").size[0] > 600
    first = (place / "seen.png").read_bytes()
    genkit("data", "show", recipe, "--out", place / "seen.png", "--set", "data.flip=false")
    assert (place / "seen.png").read_bytes() != first
    result = genkit("data", "show", recipe, "--out", place / "deep" / "er" / "seen.png")
    assert result.out.endswith("deep/er/seen.png\n") and (place / "deep" / "er" / "seen.png").is_file()
    assert_names(refused("data", "show", recipe, "--out", place / "seen.jpg"), f"--out {place}/seen.jpg: ", ".png")


def test_a_drawing_has_the_number_of_pictures_that_is_asked_for(recipe, place):
    from PIL import Image

    sizes = []
    for number in ("2", "4"):
        assert genkit("data", "show", recipe, "--number", number, "--out", f"{number}.png").code == 0
        sizes.append(Image.open(place / f"{number}.png").size)
    assert sizes[0][0] < sizes[1][0] and sizes[0][1] == sizes[1][1]  # one row of each split
    assert genkit("data", "show", recipe, "--number", "0").code == 2


def test_data_without_pictures_are_checked_but_not_drawn(place):
    recipe = write_recipe(place)
    result = genkit("data", "check", recipe)
    assert result.code == 0 and "never ends" in result.out and not result.err
    result = genkit("data", "prepare", recipe)
    assert result.code == 0 and "no preparation" in result.out
    assert json.loads(genkit("data", "prepare", recipe, "--json").out) == {"prepared": []}
    assert_names(refused("data", "show", recipe), "tiny.toml:3 [data]: ", "(2,)", "(3, H, W)")


@pytest.mark.parametrize("command", ["check", "prepare", "show"])
def test_missing_data_are_refused_with_the_way_to_get_them(place, command):
    text = RECIPE.replace('"image-folder"', '"celeba"').replace("hold_out = 0.3\n", "")
    assert_names(refused("data", command, write_recipe(place, text)), "img_align_celeba.zip")


def test_pictures_that_are_in_no_split_are_counted_by_check_plan_and_run(place):
    for folder, number in (("train", 8), ("test", 4), ("val", 3)):
        write_folder(place / "pictures" / folder, number)
    for number in range(9):
        (place / "pictures" / "train" / f"{number}.heic").write_text("")
    recipe = write_recipe(place, RECIPE.replace("hold_out = 0.3\n", ""))
    checked = genkit("data", "check", recipe)
    assert_names(checked.out, "9 other files (.heic 9)", "\nunread ", "3 pictures in val/")
    facts = json.loads(genkit("data", "check", recipe, "--json").out)["splits"]
    assert [split["unread"] for split in facts] == [{"val/": 3}] * 2
    assert_names(genkit("plan", recipe).out, "\nremark ", "3 pictures in val/", "9 other files (.heic 9)")
    remarks = json.loads(genkit("plan", recipe, "--json").out)["remarks"]
    assert any("3 pictures in val/" in remark for remark in remarks)


def test_a_picture_is_not_drawn_into_the_folder_of_the_data(recipe, place, monkeypatch):
    (place / "pictures" / "deep").mkdir()
    for out in ("pictures/seen.png", place / "pictures" / "deep" / "seen.png"):
        assert_names(refused("data", "show", recipe, "--out", out), f"--out {out}", "[data] path", place / "pictures")
    monkeypatch.chdir(place / "pictures")
    refused("data", "show", recipe, "--set", "data.path=.")
    assert not list((place / "pictures").rglob("*seen.png")) and not (place / "pictures" / "data.png").exists()


# genkit plan


def test_plan_does_not_need_the_data(place):
    result = genkit("plan", write_recipe(place, RECIPE.replace("steps = 6", "epochs = 2")))
    assert result.code == 1 and "2 epochs" in result.out
    assert_names(result.err, "unmet: ", f":5 [data] path: folder {place}/pictures")


def test_plan_counts_the_steps_of_epochs_without_decoding(recipe, place):
    recipe = write_recipe(place, RECIPE.replace("steps = 6", "epochs = 2"))
    facts = json.loads(genkit("plan", recipe, "--json").out)
    assert isinstance(facts["steps"], int) and facts["steps"] % 2 == 0 and not (place / "cache").exists()


def test_a_batch_size_above_the_size_of_the_data_is_unmet_in_the_plan(recipe):
    result = genkit("plan", recipe, "--set", "train.batch_size=64")
    assert result.code == 1 and "--set [train] batch_size: 64 " in result.err


# genkit run


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("train.batch_size=64", ["[train] batch_size: 64"]),
        ("data.path=empty", ["[data] ", "/empty"]),
        ("data.crop=13", ["[data] ", "0000.png", "13"]),
        ("data.crop=[5,5,5,9]", ["crop", "[5, 5, 5, 9]", "[left, top, right, bottom]"]),
        ("data.channels=2", ["[data] channels: ", "found 2"]),
        ("data.resolution=7", ["7x7"]),
        ("data.filter=cubic", ["[data] filter: ", "cubic", '"bicubic"']),
    ],
)
def test_a_mistake_in_the_data_is_reported_before_training(recipe, place, change, names):
    (place / "empty").mkdir()
    assert_names(refused("run", recipe, "--set", change), *names)
    assert not list(place.glob("runs/*-tiny*"))


@pytest.mark.parametrize("command", [("run",), ("data", "prepare"), ("data", "show")])
def test_an_unknown_home_folder_is_reported_before_training(recipe, place, without_home, command):
    assert_names(refused(*command, recipe), "home folder", "GENKIT_CACHE")
    assert not (place / "runs").exists()


def test_training_pictures_cannot_be_held_out(recipe, place):
    write_folder(place / "pictures" / "within", 3)
    for hold_out in ("pictures", "pictures/within", "."):
        assert_names(
            refused("run", recipe, "--set", f"data.hold_out={hold_out}"), "[data] hold_out", "pictures", hold_out
        )
    write_folder(place / "beside", 3)
    assert genkit("data", "check", recipe, "--set", "data.hold_out=beside").code == 0


@pytest.mark.parametrize("command", ["check", "prepare"])
def test_bad_pictures_of_both_splits_have_printable_names(recipe, place, command):
    for index in range(40):
        (place / "pictures" / f"bad\n{index}.png").write_text("no picture")
    result = genkit("data", command, recipe)
    assert result.code == 2
    assert_names(result.err, "train split", "test split", "bad\\n")
    assert "bad\n" not in result.err


@pytest.mark.trains
def test_a_run_prints_how_many_pictures_it_skips(recipe, place):
    (place / "pictures" / "text.png").write_text("no picture")
    result = genkit("run", recipe, "--set", "data.on_bad=skip")
    assert result.code == 0
    assert_names(result.out, "1 picture of the ", "on_bad", "`genkit data check RECIPE`")


@pytest.mark.trains
def test_a_folder_of_runs_in_the_data_changes_nothing(recipe, place, monkeypatch):
    monkeypatch.chdir(place / "pictures")
    here = ("--set", "data.path=.")
    sizes = [json.loads(genkit("data", "check", recipe, *here, "--json").out)["splits"]]
    for _ in range(2):
        assert genkit("run", recipe, "-q", *here).code == 0
        sizes.append(json.loads(genkit("data", "check", recipe, *here, "--json").out)["splits"])
    assert sizes[0] == sizes[1] == sizes[2]
    (run, other) = sorted(path for path in (place / "pictures" / "runs").iterdir() if path.is_dir())
    assert genkit("eval", run).code == 0
    assert genkit("sample", run).code == 0  # in the run folder
    assert_names(refused("sample", run, "--out", "drawn"), "--out drawn", "[data] path")
    assert_names(refused("compare", run, other), "--out comparison.png", "[data] path")
    assert genkit("compare", run, other, "--out", place / "comparison.png").code == 0


def final(run):
    return load_file(run / "final" / "model.safetensors")


@pytest.mark.trains
def test_a_resumed_run_on_flipped_pictures_ends_with_the_same_bits(recipe, place):
    keys = ("--set", "checkpoint.every=2", "--set", "checkpoint.keep=9")
    assert genkit("run", recipe, "-q", *keys, "--runs", "whole").code == 0
    assert genkit("run", recipe, "-q", *keys, "--runs", "stopped").code == 0
    (whole,), (stopped,) = (list((place / runs).glob("0001-*")) for runs in ("whole", "stopped"))
    shutil.rmtree(stopped / "final")
    for step in (4, 6):
        shutil.rmtree(stopped / "checkpoints" / f"step-{step:08d}")
    result = genkit("resume", stopped, "-q")
    assert result.code == 0, result.err
    assert_same_bits(final(whole), final(stopped))
    assert (whole / "metrics.jsonl").read_bytes() == (stopped / "metrics.jsonl").read_bytes()


# Data that have changed


@pytest.mark.trains
@pytest.mark.parametrize("added", [True, False])
def test_a_resume_on_other_pictures_is_refused(recipe, place, added):
    assert genkit("run", recipe, "-q", "--set", "checkpoint.every=2", "--set", "checkpoint.keep=9").code == 0
    run = only_run(place)
    shutil.rmtree(run / "final")
    shutil.rmtree(run / "checkpoints" / "step-00000006")
    if added:
        write_folder(place / "pictures", 30, start=100)
    else:
        for index in range(24):
            write_picture(place / "pictures" / f"{index:04d}.png", noise_picture(12, 12, seed=index + 50))
    message = refused("resume", run, "-q")
    assert_names(message, "[data]", "warm_start")
    assert ("samples then" in message) == added


@pytest.mark.trains
@pytest.mark.parametrize("held_out", [True, False])
def test_a_single_changed_picture_is_detected(recipe, place, held_out):
    write_folder(place / "pictures", 176, start=24)  # far more than a spot check of a few would read
    assert genkit("run", recipe, "-q").code == 0
    run = only_run(place)
    names = sorted(path.name for path in (place / "pictures").iterdir())
    name = next(name for name in names[101:] if is_held_out(name, 0.3) == held_out)
    write_picture(place / "pictures" / name, noise_picture(12, 12, seed=999))
    before = (run / "figures" / "reconstructions.png").read_bytes()
    for command in ("eval", "reconstruct", "figures"):
        message = refused(command, run)
        assert_names(message, "[data]", f"`genkit reconstruct {run} --data FOLDER`")
        assert bool(re.search(r"h[eo]ld", message.partition(". ")[0])) == held_out, command
    assert (run / "figures" / "reconstructions.png").read_bytes() == before


@pytest.mark.trains
@pytest.mark.parametrize("command", ["eval", "reconstruct"])
def test_training_pictures_are_not_evaluated_as_held_out(recipe, place, command):
    assert genkit("run", recipe, "-q").code == 0
    run = only_run(place)
    for folder in (run, run / "final"):
        assert_names(refused(command, folder, "--set", "data.hold_out=0.6"), "[data]", "samples then")
    assert genkit(command, run).code == 0


@pytest.mark.trains
def test_two_processes_prepare_once_and_train(recipe, place):
    done = genkit_process("run", str(recipe), "--processes", "2", "-q", cwd=place)
    assert done.returncode == 0, done.stderr
    stores = [path for path in (place / "cache" / "pictures").iterdir() if path.is_dir()]
    assert len(stores) == 2
