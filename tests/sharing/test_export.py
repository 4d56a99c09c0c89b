"""The export itself: complete or absent, with a card of facts only, and without a path of the exporter's machine."""

import json
import math
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image
from support.commands import IMAGES, TINY
from support.commands import genkit as command
from support.messages import assert_names
from support.models import MODELS, write_model

import genkit
import genkit.sharing.export as exports
from genkit.errors import UsageError
from genkit.sharing.card import model_card
from genkit.sharing.places import without_places

RESULT = {
    "label": "psnr",
    "value": 12.5,
    "better": "higher",
    "interval": [12.25, 12.75],
    "reason": "",
    "protocol": {"samples": 20, "split": "test", "weights": "raw", "batch_norm": None, "extractor": ""}
    | {"resize": "", "quantised": False, "details": {"pictures": "folder /srv/ada/secret faces"}},
}


def refused(*arguments):
    code, out, err = command(*arguments)
    assert (code, out) == (2, ""), (code, out, err)
    return err


def card_of(folder):
    """Return the metadata of a card, and its text below them."""
    _, metadata, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(metadata), text


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path):
    """Return a folder that has what a finished run has, as far as an export reads it."""
    folder = tmp_path / "run"
    write_model(folder / "final", IMAGES + "\n[metrics.psnr]\nsamples = 20\n", ema=True, overrides=["ema.decay=0.5"])
    (folder / "recipe.resolved.toml").write_bytes((folder / "final" / "recipe.toml").read_bytes())
    ema = {**RESULT, "value": 13.5, "label": "of-ema", "protocol": {**RESULT["protocol"], "weights": "ema"}}
    refused_metric = {**ema, "label": "none", "value": None, "interval": None, "reason": "too few <b>samples</b>"}
    (folder / "results.json").write_text(json.dumps([RESULT, ema, refused_metric]))
    return folder


def test_the_command_says_what_it_has_written(run, tmp_path):
    code, out, err = command("export", run, "--out", tmp_path / "a", "--json")
    files = ["README.md", "config.json", "model.safetensors", "samples.png"]
    assert (code, err) == (0, "")
    assert json.loads(out) == {"folder": str(tmp_path / "a"), "weights": "ema", "files": files}
    assert names_in(tmp_path / "a") == set(files)
    code, out, _ = command("export", run, "--weights", "raw")
    assert code == 0 and str(run / "export-raw") in out and "raw" in out
    assert Image.open(run / "export-raw" / "samples.png").width > 100


def test_the_command_names_its_folder_as_the_run_was_named(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    out = command("export", run.name).out
    assert_names(out, f"{run.name}/export-ema: ", f"genkit push {run.name}/export-ema ORG/NAME")
    assert str(run) not in out


def test_the_config_lists_every_other_file(run, tmp_path):
    folder = genkit.export(run, tmp_path / "a")
    config = json.loads((folder / "config.json").read_text())
    assert set(config["files"]) == names_in(folder) - {"config.json"}
    assert config["facts"]["step"] == 7 and config["facts"]["data_shape"] == [1, 28, 28]
    assert config["recipe"]["model"]["use"] == "small-conv" and config["genkit"] == genkit.__version__


def test_the_card_has_the_facts_of_the_run(run, tmp_path):
    metadata, text = card_of(genkit.export(run, tmp_path / "a"))
    assert metadata["library_name"] == "genkit" and {"genkit", "small-conv", "vae"} == set(metadata["tags"])
    [entry] = metadata["model-index"][0]["results"]
    [metric] = entry["metrics"]  # those of other weights, and refused ones, are no results of this model
    assert (metric["name"], metric["value"], entry["dataset"]["type"]) == ("of-ema", 13.5, "digits")
    assert "license" not in metadata  # only the author knows it
    digest = json.loads((run / "final" / "about.json").read_text())["data"]["pixel_digest"]
    assert_names(text, "| 13.5 (12.25 to 12.75) |", "| 12.5 (12.25 to 12.75), raw weights |", "Some of these", digest)
    assert_names(text, "20 samples, test split, ema weights", "genkit eval ORG/NAME")
    assert_names(text, "(1, 28, 28)", "samples.png", "step 7", 'use = "small-conv"', "latent_dim = 4")
    assert "log_every" not in text and "<b>" not in text.replace("\\<b\\>", "")


def test_a_card_without_a_number_of_its_weights_says_how_they_are_computed(run, tmp_path):
    (run / "results.json").write_text(json.dumps([RESULT]))
    code, _, err = command("export", run, "--out", tmp_path / "a b")
    assert code == 0 and f"`genkit eval '{tmp_path / 'a b'}'`" in err and "ema weights" in err
    metadata, text = card_of(tmp_path / "a b")
    assert "model-index" not in metadata
    assert_names(text, "All of these", "raw weights", "genkit eval ORG/NAME", "No metric of these weights")
    [found] = json.loads(command("eval", tmp_path / "a b", "--json").out)["results"]
    [expected] = json.loads(command("eval", run / "final", "--weights", "ema", "--json").out)["results"]
    assert found == expected and found["protocol"]["weights"] == "ema"


@pytest.mark.parametrize(("weights", "kept"), [("raw", [RESULT]), ("ema", [])])
def test_a_card_with_numbers_of_its_weights_alone_says_nothing_about_others(weights, kept, run, tmp_path):
    (run / "results.json").write_text(json.dumps(kept))
    code, _, err = command("export", run, "--weights", weights, "--out", tmp_path / "a")
    _, text = card_of(tmp_path / "a")
    assert (code, err) == (0, "") and "genkit eval" not in text
    assert ("No metric of these weights" in text) == (not kept)


def test_the_code_on_the_card_works(run, tmp_path):
    _, text = card_of(genkit.export(run, tmp_path / "a"))
    code = re.search(r"```python\n(.*?)```", text, re.S)[1].replace("ORG/NAME", str(tmp_path / "a"))
    names = {}
    exec(code, names)
    assert names["samples"].equal(genkit.load(run).sample(16))


@pytest.mark.parametrize("name", ["conditional", "per-class"])
def test_the_card_names_the_classes(name, tmp_path):
    write_model(tmp_path / "model", MODELS[name])
    _, text = card_of(genkit.export(tmp_path / "model"))
    assert_names(text, ", ".join(map(str, range(10))))
    assert ("class of each row" in text) == (name == "conditional")


HOSTILE = '"""</title><script>alert(1)</script>\n---\n# x ``` {{ 7 * 7 }} | a\n![x](http://x) """'


def test_a_hostile_title_stays_text(tmp_path):
    write_model(tmp_path / "model", TINY.replace('"tiny"', HOSTILE))
    folder = genkit.export(tmp_path / "model")
    metadata, text = card_of(folder)
    assert metadata["library_name"] == "genkit"
    assert len(re.findall(r"^```", text, re.M)) == 4  # the fences of the code and of the recipe, and no other
    outside = text.split("```toml")[0] + text.rsplit("\n```\n", 1)[1]
    assert "<script>" not in outside and "![x]" not in outside and "49" not in outside.partition("\n")[0]
    assert text.count("\n# ") == 1 + text.split("```toml")[1].count("\n# ")
    assert genkit.load(folder).trained.document.tables["title"].startswith("</title>")


def test_no_path_of_the_machine_is_exported(tmp_path):
    overrides = [f"train.warm_start={tmp_path / 'ada' / 'older'}", f"title=made from {tmp_path / 'ada' / 'notes'}"]
    write_model(tmp_path / "ada" / "older")
    write_model(tmp_path / "ada" / "model", overrides=overrides)
    code, _, err = command("export", tmp_path / "ada" / "model", "--out", tmp_path / "a")
    assert code == 0 and "train.warm_start" in err and "title" in err
    for path in (tmp_path / "a").iterdir():
        content = path.read_bytes()
        assert str(tmp_path).encode() not in content and b"/ada" not in content, path
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["recipe"]["train"]["warm_start"] == "older" and config["recipe"]["title"] == "made from notes"
    assert config["shortened_paths"] == ["title", "train.warm_start"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/my faces", "my faces"),
        ("~/data/faces", "faces"),
        ("../../shared/mnist", "mnist"),
        ("data/../../faces/", "faces"),
        ("of /home/ada/faces, 3 of 4", "of faces, 3 of 4"),
        ("'~ada/x/y'", "'y'"),
        ("data/faces", "data/faces"),
        ("ylecun/mnist", "ylecun/mnist"),
        ("1/100 of the sum, x / y and a/b", "1/100 of the sum, x / y and a/b"),
        ("https://arxiv.org/abs/1312.6114", "https://arxiv.org/abs/1312.6114"),
        ("/srv/\udcff/x\udcff", "x?"),
        ("cannot read:/home/ada/x.pt", "cannot read:x.pt"),
        ("file:///home/ada/secret/x", "x"),
        (f"cannot read {Path.cwd()}/a/b", "cannot read b"),
    ],
    ids=[
        *("root", "home", "up", "through", "within", "quoted", "relative", "hub", "fractions", "link", "bytes"),
        *("after-colon", "file", "here"),
    ],
)
def test_paths_become_names(text, expected):
    assert without_places({"a": [text, 3]}) == {"a": [expected, 3]}


def test_a_network_that_reads_a_file_of_the_machine_is_refused(tmp_path, monkeypatch):
    write_model(tmp_path / "model", MODELS["logits"])
    monkeypatch.setattr("genkit.sharing.export.shortened_keys", lambda *_: ["data.path", "model.error.path"])
    with pytest.raises(UsageError, match=r"model\.error\.path"):
        genkit.export(tmp_path / "model", tmp_path / "a")
    assert names_in(tmp_path) == {"model"}


def test_weights_that_the_run_lacks_are_refused(tmp_path):
    write_model(tmp_path / "model")
    assert_names(refused("export", tmp_path / "model", "--weights", "ema"), tmp_path / "model", "--weights raw")
    assert_names(refused("export", tmp_path / "model", "--weights", "best"), "best")
    assert names_in(tmp_path) == {"model"} and "export-ema" not in names_in(tmp_path / "model")


def test_a_folder_that_exists_is_not_overwritten(run, tmp_path):
    folder = genkit.export(run, tmp_path / "a")
    before = (folder / "README.md").stat().st_mtime_ns
    assert_names(refused("export", run, "--out", folder), "--out", folder)
    assert_names(refused("export", run, "--out", run / "results.json"), "--out", run / "results.json")
    assert (folder / "README.md").stat().st_mtime_ns == before
    (tmp_path / "empty").mkdir()
    assert genkit.load(genkit.export(run, tmp_path / "empty")).weights == "ema"


def test_a_folder_that_is_filled_in_the_meantime_keeps_its_files(run, tmp_path, monkeypatch):
    (tmp_path / "late").mkdir()

    def write_card(card):
        (tmp_path / "late" / "mine.txt").write_text("mine")
        return model_card(card)

    monkeypatch.setattr("genkit.sharing.export.model_card", write_card)
    assert_names(refused("export", run, "--out", tmp_path / "late"), tmp_path / "late")
    assert names_in(tmp_path / "late") == {"mine.txt"} and names_in(tmp_path) == {"run", "late"}


def test_the_working_folder_is_not_replaced(run, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert_names(refused("export", run, "--out", "."), "--out")
    assert names_in(tmp_path) == {"run", "here"} and genkit.export(run, "new").is_absolute()


def test_a_number_that_json_lacks_is_exported_as_refused(run, tmp_path):
    results = json.loads((run / "results.json").read_text())
    results[0]["value"] = float("inf")
    (run / "results.json").write_text(json.dumps(results))
    config = (genkit.export(run, tmp_path / "a") / "config.json").read_text()
    first = json.loads(config, parse_constant=pytest.fail)["results"][0]
    assert first["value"] is None and first["reason"]


def test_numbers_of_the_recipe_that_json_lacks_come_back(tmp_path):
    write_model(tmp_path / "model")
    with (tmp_path / "model" / "recipe.toml").open("a") as recipe:
        recipe.write("\n[metrics.other]\nuse = 'modes'\nlimits = [-inf, inf, 2.5]\n")
    folder = genkit.export(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(), parse_constant=pytest.fail)
    assert config["recipe"]["metrics"]["other"]["limits"] == [None, None, 2.5] and config["version"] == 2
    assert genkit.load(folder).trained.document.tables["metrics"]["other"]["limits"] == [-math.inf, math.inf, 2.5]
    write_model(tmp_path / "finite")
    config = json.loads((genkit.export(tmp_path / "finite") / "config.json").read_text())
    assert config["version"] == 1 and "not_finite" not in config  # earlier versions of genkit read it


@pytest.mark.parametrize("model", ["", "final"])
def test_the_title_is_the_one_that_the_run_has_now(model, run, tmp_path):
    recipe = run / "recipe.resolved.toml"
    recipe.write_text(recipe.read_text().replace('title = "tiny"', 'title = "renamed"'))
    folder = genkit.export(run / model, tmp_path / "a")
    metadata, text = card_of(folder)
    assert "# renamed" in text and metadata["model-index"][0]["name"] == "renamed" and "tiny" not in text
    loaded = genkit.load(folder).trained
    assert loaded.title.startswith("renamed:") and genkit.load(run / model).trained.title == loaded.title
    recipe.write_text("damaged [")
    assert genkit.load(run / "final").trained.title.startswith("tiny:")


def test_an_option_is_named_as_it_was_given(run):
    assert_names(refused("export", run, "--weights", "best"), "--weights best")
    with pytest.raises(UsageError, match="^weights best: "):
        genkit.export(run, weights="best")


def test_an_exported_folder_is_not_exported_again(run, tmp_path):
    folder = genkit.export(run, tmp_path / "a")
    assert_names(refused("export", folder, "--out", tmp_path / "b"), folder)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_what_is_no_model_is_refused(path, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_names(refused("export", tmp_path / path), tmp_path / path)
    assert names_in(tmp_path) == {"empty"}


@pytest.mark.parametrize("step", ["write_tensors", "_draw", "model_card", "write_json"])
def test_an_export_that_fails_leaves_nothing(step, run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"genkit.sharing.export.{step}", fail)
    assert_names(refused("export", run, "--out", tmp_path / "a"), "--out", tmp_path / "a", "disk is full")
    assert names_in(tmp_path) == {"run"}


def test_of_two_exports_to_one_place_the_second_is_told_of_the_first(run, tmp_path, monkeypatch):
    """The second one begins while the first one writes, and once more after the first one has ended."""
    out, write, second = tmp_path / "e", exports._write, []

    def write_while_another_begins(*given):
        monkeypatch.setattr(exports, "_write", write)
        second.append(refused("export", run, "--out", out))
        return write(*given)

    monkeypatch.setattr(exports, "_write", write_while_another_begins)
    assert command("export", run, "--out", out).code == 0
    assert_names(second[0], f"--out {out}: ", "another process", "with --out")
    assert_names(refused("export", run, "--out", out), f"--out {out}: exists already")
    assert genkit.load(out).weights == "ema"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_place_filled_between_the_checks_is_refused_as_existing(run, tmp_path, monkeypatch):
    out, write = tmp_path / "e", exports._write

    def write_while_somebody_fills_it(*given):
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        return write(*given)

    monkeypatch.setattr(exports, "_write", write_while_somebody_fills_it)
    assert_names(refused("export", run, "--out", out), f"--out {out}: exists already")
    assert names_in(out) == {"mine.txt"}


def test_a_default_place_that_cannot_be_written_is_not_named_as_an_option(run, monkeypatch):
    def fail(*given):
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(exports, "_write", fail)
    err = refused("export", run)
    assert_names(err, f"error: {run / 'export-ema'}: cannot be written: Permission denied", "with --out")


def test_a_title_turns_no_line_of_the_card_around_and_a_name_breaks_none_of_the_output(tmp_path):
    write_model(tmp_path / "model", IMAGES.replace('"tiny"', r'"a \u202e b"'))
    done = command("export", tmp_path / "model", "--out", tmp_path / "new\nname")
    assert done.out.splitlines()[0].startswith(f"folder    {tmp_path}/new\\nname: README.md")
    card = (tmp_path / "new\nname" / "README.md").read_text()
    assert "\u202e" not in card
    assert tomllib.loads(card.split("```toml\n")[1].split("```")[0])["title"] == "a \u202e b"
