"""Commands and functions that only read a model: from a run, a folder, an exported folder or the hub."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.commands import IMAGES, refused
from support.commands import genkit as command
from support.messages import assert_names
from support.models import write_model

import genkit
from genkit.errors import UsageError

NAME = "ada/points"


def tree(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def written(*arguments):
    """Return the files that a command has written, by their ending."""
    code, out, err = command(*arguments, "--json")
    assert code == 0, (code, out, err)
    return {path.suffix: path for path in map(Path, json.loads(out)["written"])}


COMMANDS = [
    ("sample", ["-n", 5], "samples-ema-seed0", None),
    ("reconstruct", ["-n", 4], "reconstructions-ema", "reconstruction"),
    ("interpolate", ["-n", 2], "paths-data-spherical-ema", "decoded"),
    ("encode", ["-n", 6], "codes-test-ema", None),
]


@pytest.mark.parametrize(("name", "options", "stem", "key"), COMMANDS, ids=["sample", "reconstruct", "paths", "codes"])
def test_a_command_takes_a_model_of_the_hub(name, options, stem, key, pushed, folder, tmp_path):
    expected = written(name, folder, *options, "--out", tmp_path / "expected/")
    shutil.rmtree(folder)
    cached = tmp_path / "cache"
    command("sample", NAME, "-n", 1, "--out", tmp_path / "one.npy")  # fills the cache
    before = tree(cached)
    found = written(name, NAME, *options)
    assert {path.stem for path in found.values()} == {f"points-{stem}"} and {
        path.parent for path in found.values()
    } == {Path()}
    for ending in {".npy", ".npz"} & found.keys():
        arrays = [np.load(each[ending]) for each in (found, expected)]
        assert np.array_equal(*(each[key] if key else each for each in arrays))
    assert found.keys() == expected.keys() and tree(cached) == before


def test_scores_maps_and_metrics_take_a_model_of_the_hub(hub, tmp_path):
    write_model(tmp_path / "digits", IMAGES + "\n[metrics.psnr]\nsamples = 20\n")
    folder = genkit.export(tmp_path / "digits", tmp_path / "shared")
    assert command("push", folder, "ada/digits").code == 0
    before = tree(folder)
    np.save(tmp_path / "odd.npy", np.random.default_rng(0).integers(0, 255, (3, 28, 28), np.uint8))
    for name in ("score", "anomaly"):
        of_hub, of_folder = (written(name, each, "--data", "odd.npy") for each in ("ada/digits", folder))
        for ending, path in of_hub.items():
            other = of_folder[ending]
            assert path.name.startswith("digits-") and other.name == path.name.replace("digits", "shared", 1)
            assert path.parent == other.parent == Path()
            assert ending == ".png" or path.read_bytes() == other.read_bytes()
    of_hub, of_folder = (json.loads(command("eval", each, "--json").out)["results"] for each in ("ada/digits", folder))
    assert of_hub == of_folder and of_hub[0]["value"] is not None and tree(folder) == before
    pictures = np.random.default_rng(1).integers(0, 255, (2, 1, 28, 28), np.uint8)
    assert genkit.score("ada/digits", pictures).scores.equal(genkit.score(folder, pictures).scores)
    assert genkit.anomaly_maps("ada/digits", pictures).maps.equal(genkit.anomaly_maps(folder, pictures).maps)
    assert genkit.evaluate("ada/digits")["psnr"].value == of_hub[0]["value"]


def test_a_command_writes_into_the_folder_of_a_model_that_is_not_exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    assert {path.parent for path in written("sample", "model").values()} == {Path("model")}


@pytest.mark.parametrize(
    ("given", "name"), [(".", "shared"), ("../shared/", "shared"), ("../run/export-ema", "run-export-ema")]
)
def test_the_files_of_an_exported_folder_have_its_name(given, name, folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "run" / "export-ema")
    (tmp_path / "run" / "recipe.resolved.toml").touch()
    before, here = tree(folder), tmp_path / "here" if given.startswith("..") else folder
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    found = written("sample", given, "-n", 2)
    assert set(found.values()) == {Path(f"{name}-samples-ema-seed0.npy"), Path(f"{name}-samples-ema-seed0.png")}
    if here != folder:
        assert tree(folder) == before


def test_a_name_that_is_neither_a_folder_nor_on_the_hub_says_so(pushed):
    assert_names(refused("sample", "ada/absent"), "ada/absent", pushed.url, "folder")
    assert_names(refused("sample", "absent"), "absent: not found", "run", "folder", "ORG/NAME")


def test_a_mistyped_folder_and_a_folder_of_runs_are_answered_with_names(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments" / "0001-points-s0").mkdir(parents=True)
    (tmp_path / "experiments" / "0001-points-s0" / "recipe.resolved.toml").touch()
    assert_names(refused("sample", "sharde"), "sharde: not found", "Did you mean shared?")
    assert_names(refused("sample", "experiments/0001-pionts-s0"), "Did you mean 0001-points-s0?")
    for name in ("sample", "resume"):
        assert_names(refused(name, "experiments"), "experiments/0001-points-s0")


def test_a_message_names_the_model_of_the_hub_and_not_the_cache(pushed, folder):
    shutil.rmtree(folder)
    for arguments in (["eval", NAME, "--weights", "raw"], ["sample", NAME, "--weights", "raw"]):
        code, out, err = command(*arguments)
        *_, message = err.splitlines()  # after the progress of the download
        assert (code, out) == (2, "") and message.startswith(f"error: {NAME}: exported with the ema weights")
        assert "cache" not in message
    pushed.requests.clear()
    refused("sample", NAME, "--grid", "x")  # is refused before the hub is asked
    assert not pushed.requests


def test_a_command_offline_has_one_message_and_asks_nothing(pushed, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refused("sample", "ada/other")
    assert_names(message, "ada/other", "HF_HUB_OFFLINE", "cache", "folder")
    assert len(message.splitlines()) == 1 and not pushed.requests


@pytest.mark.parametrize("given", ["./ada/points", "ada/points/", "runs/0001-points-s0", "here/points", "~/points"])
def test_a_path_to_nothing_asks_nothing_of_the_hub(given, pushed, tmp_path):
    (tmp_path / "here").mkdir()
    message = refused("sample", given)
    assert_names(message, "not found")
    assert not pushed.requests and ("folder here" in message) == given.startswith("here/")


def test_a_folder_that_exists_wins_for_a_command(pushed, folder, tmp_path):
    (tmp_path / "ada").mkdir()
    folder.rename(tmp_path / "ada" / "points")
    assert set(written("sample", NAME, "-n", 2)) == {".npy", ".png"} and not pushed.requests


def test_commands_that_train_or_export_do_not_ask_the_hub(pushed):
    for name in ("resume", "report", "figures", "export"):
        assert_names(refused(name, NAME), NAME, "not found")
    assert not pushed.requests


@pytest.mark.parametrize(
    "given", ["", None, 3, b"points", ["points"]], ids=["empty", "none", "number", "bytes", "list"]
)
@pytest.mark.parametrize("name", ["load", "open_run", "export", "evaluate", "list_runs", "compare"])
def test_what_is_no_path_is_refused(name, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = (given, given) if name == "compare" else (given,)
    with pytest.raises(UsageError) as error:
        getattr(genkit, name)(*arguments)
    message = str(error.value)
    assert message.startswith('"": ') if given == "" else f"found {given!r}" in message and f"{name}(): " in message


def test_an_empty_argument_is_not_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for arguments in (["sample", ""], ["resume", ""], ["ls", ""], ["push", "", "ada/x"], ["sample", ".", "--out", ""]):
        assert_names(refused(*arguments), '""')


def test_a_file_is_no_model(folder, tmp_path):
    (tmp_path / "tiny.toml").touch()
    (tmp_path / "notes.txt").touch()
    places = {
        folder / "model.safetensors": f"folder, {folder}",
        tmp_path / "tiny.toml": "genkit run",
        tmp_path / "notes.txt": "ORG/NAME",
    }
    for place, remedy in places.items():
        assert_names(refused("sample", place), place, "a file", remedy)
    (tmp_path / "empty").mkdir()
    assert_names(refused("sample", tmp_path / "empty"), tmp_path / "empty", "about.json")


def test_the_list_of_runs_says_what_a_folder_without_runs_is(folder, tmp_path):
    for place, kind in ((folder, "exported"), (tmp_path / "model", "model folder"), (tmp_path, "genkit run")):
        code, out, err = command("ls", place)
        assert (code, err) == (0, "") and kind in out and ("genkit sample" in out) == (place != tmp_path)


def test_a_refusal_of_weights_names_what_the_user_gave(tmp_path):
    write_model(tmp_path / "model")
    message = refused("sample", tmp_path / "model", "--weights", "ema")
    assert "Use --weights raw." in message and "weights=" not in message
    with pytest.raises(UsageError, match=r'Use weights="raw"\.$'):
        genkit.load(tmp_path / "model", "ema")
