"""`genkit tune`: a search as a user calls it."""

import json
import os
from importlib import util
from pathlib import Path

import pytest
from support.commands import genkit, refused, write_recipe
from support.messages import assert_names
from support.searches import RECIPE, SPACE

LR = '[keys."optimiser.encoder.lr"]\nvalues = [1e-3, 1e30]\nalso = ["optimiser.decoder.lr"]\n'
SMALL = 'title = "t"\nmetric = "modes"\nsampler = "grid"\nseeds = [5]\n' + LR


@pytest.fixture
def files(isolated):
    write_recipe(isolated, RECIPE.replace("steps = 20", "steps = 10"))
    Path("space.toml").write_text(SMALL, encoding="utf-8")
    return isolated


def test_a_dry_search_prints_its_trials_and_writes_nothing(files):
    before = sorted(path.name for path in files.iterdir())
    result = genkit("tune", "tiny.toml", "--space", "space.toml", "--dry")
    assert result.code == 0, result
    assert_names(result.out, "optimiser.encoder.lr", "1e+30", "0.001", "modes")
    trials = json.loads(genkit("tune", "tiny.toml", "--space", "space.toml", "--dry", "--json").out)["trials"]
    assert sorted(trial["keys"]["optimiser.encoder.lr"] for trial in trials) == [1e-3, 1e30]
    assert {trial["state"] for trial in trials} == {"planned"}
    assert sorted(path.name for path in files.iterdir()) == before


def test_a_dry_search_with_tpe_says_how_many_trials_depend_on_results(files):
    Path("space.toml").write_text(SPACE, encoding="utf-8")
    assert_names(genkit("tune", "tiny.toml", "--space", "space.toml", "--dry").out, "4 more")


def test_a_search_without_optuna_says_how_to_install_it(files, monkeypatch):
    find_spec = util.find_spec
    monkeypatch.setattr("genkit.tuning.packages.find_spec", lambda name: None if name == "optuna" else find_spec(name))
    assert_names(refused("tune", "tiny.toml", "--space", "space.toml"), "optuna", "genkit-torch[tune]")


def test_a_folder_that_is_in_use_or_not_writable_is_refused(files):
    from genkit.tuning.search_folder import SearchFolder

    with SearchFolder(Path("mine")).locked():
        assert_names(refused("tune", "tiny.toml", "--space", "space.toml", "--out", "mine"), "mine", "in use")
    Path("file").write_text("")
    assert_names(refused("tune", "tiny.toml", "--space", "space.toml", "--out", "file/x"), "file", "--out")
    assert not Path("runs").exists()


def test_a_space_is_refused_as_a_recipe_and_a_shipped_one_has_a_name(files):
    assert_names(refused("run", "space.toml"), "space.toml", "genkit tune")
    assert "beta_neg_digits" in genkit("recipes").out
    assert_names(refused("tune", "tiny.toml", "--space", "beta_neg_digits"), "beta_neg_digits.toml", "frechet-digits")


MISTAKES = {
    "no-space": ("tiny.toml",),
    "absent-space": ("tiny.toml", "--space", "absent.toml"),
    "recipe-as-space": ("tiny.toml", "--space", "tiny.toml"),
    "unknown-key": ("tiny.toml", "--space", "unknown.toml"),
    "unknown-label": ("tiny.toml", "--space", "label.toml"),
    "refused-value": ("tiny.toml", "--space", "value.toml"),
    "set-twice": ("tiny.toml", "--space", "space.toml", "--set", "optimiser.encoder.lr=0.1"),
}


def test_messages_of_tune(files, golden):
    Path("unknown.toml").write_text(SMALL.replace("encoder.lr", "encoder.rate"), encoding="utf-8")
    Path("label.toml").write_text(SMALL.replace('"modes"', '"mode"'), encoding="utf-8")
    Path("value.toml").write_text(SMALL.replace("1e30", "-1.0"), encoding="utf-8")
    texts = [f"genkit tune {' '.join(arguments)}\n{refused('tune', *arguments)}" for arguments in MISTAKES.values()]
    golden("tune", "\n".join(texts))


@pytest.mark.trains
def test_a_search_trains_its_trials_as_runs_and_writes_the_best_recipe(files):
    """One trial of the grid diverges. The second call trains nothing."""
    arguments = ("tune", "tiny.toml", "--space", "space.toml", "--jobs", "2")
    result = genkit(*arguments)
    assert result.code == 0, result
    folder = Path("searches/tiny-space")
    assert_names(result.out, "diverged", "optimistic", "one seed", folder / "best.toml", folder / "trials.png")
    assert (folder / "trials.png").read_bytes().startswith(b"\x89PNG")
    times = {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/results.json")}
    assert len(times) == 1

    found = json.loads(genkit(*arguments, "--json").out)
    assert {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/results.json")} == times
    by_rate = {trial["keys"]["optimiser.encoder.lr"]: trial for trial in found["trials"]}
    assert by_rate[1e30]["state"] == "diverged"
    assert by_rate[1e30]["value"] is None
    assert "seed 5" in by_rate[1e30]["reason"]
    good = by_rate[1e-3]
    assert found["best"] == good["trial"]
    assert found["trials_compared"] == 1
    [run] = good["runs"]
    [measured] = json.loads(Path("runs", run, "results.json").read_text())
    assert good["value"] == measured["value"] == good["values"]["5"]
    assert genkit("resume", Path("runs", run)).code == 0
    assert genkit("plan", found["recipe"]).code == 0
    assert os.path.samefile(found["recipe"], folder / "best.toml")
