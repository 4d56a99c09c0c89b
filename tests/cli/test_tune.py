"""`genkit tune`: a search as a user calls it."""

import json
import os
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
from support.commands import genkit, refused, write_recipe
from support.messages import assert_names
from support.searches import RECIPE, SPACE

from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.start_genkit import start_genkit

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
def test_a_search_trains_its_trials_as_runs_and_writes_the_best_recipe(files, monkeypatch):
    """One trial of the grid diverges, the process of another is killed. The second call trains nothing."""

    def start(*arguments, **settings):
        if "lr = 0.5" not in Path(arguments[1], "recipe.resolved.toml").read_text():
            return start_genkit(*arguments, **settings)
        return subprocess.Popen([sys.executable, "-S", "-c", "import os; os.kill(os.getpid(), 9)"])

    monkeypatch.setattr("genkit.tables.jobs.start_genkit", start)
    Path("space.toml").write_text(SMALL.replace("1e30]", "1e30, 0.5]"), encoding="utf-8")
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
    assert by_rate[0.5]["state"] == "failed"
    assert_names(by_rate[0.5]["reason"], "seed 5", "signal 9")
    good = by_rate[1e-3]
    assert found["best"] == good["trial"]
    assert found["trials_compared"] == 1
    [run] = good["runs"]
    [measured] = json.loads(Path("runs", run, "results.json").read_text())
    assert good["value"] == measured["value"] == good["values"]["5"]
    assert genkit("resume", Path("runs", run)).code == 0
    assert genkit("plan", found["recipe"]).code == 0
    assert os.path.samefile(found["recipe"], folder / "best.toml")

    monkeypatch.undo()
    monkeypatch.chdir(files)
    assert "1 of them done" not in genkit(*arguments, "--retry-failed", "--dry").out
    tried = json.loads(genkit(*arguments, "--retry-failed", "--json").out)["trials"]
    assert {trial["keys"]["optimiser.encoder.lr"]: trial["state"] for trial in tried} == {
        1e-3: "trained",
        1e30: "diverged",
        0.5: "trained",
    }


@pytest.mark.trains
def test_ctrl_c_stops_a_search_and_the_same_command_continues_it(files, holding):
    recipe = RECIPE.replace("steps = 20", "steps = 80").replace("every = 5", "every = 80")
    more = "\n[checkpoint]\nevery = 50\n[report]\nlog_every = 10\n" + holding.at(60)
    write_recipe(files, recipe + more)
    small = SMALL.replace('"grid"', '"random"\ntrials = 1').replace("values = [1e-3, 1e30]", "low = 1e-3\nhigh = 1e-2")
    Path("space.toml").write_text(small, encoding="utf-8")
    arguments = ("tune", "tiny.toml", "--space", "space.toml")
    command = [sys.executable, "-P", "-m", "genkit", *arguments]
    holding.begin()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        holding.wait(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=900)
    assert process.returncode == 130
    assert_names(err, "stopped", "continue")
    assert "Traceback" not in err
    [run] = [RunFolder(path) for path in Path("runs").iterdir()]
    assert not run.finished
    lines = run.lines()
    assert lines
    assert not Path("searches/tiny-space/best.toml").exists()

    found = json.loads(genkit(*arguments, "--json").out)
    [trial] = found["trials"]
    assert trial["state"] == "trained"
    assert trial["runs"] == [run.path.name]
    assert run.finished
    assert run.lines()[: len(lines)] == lines  # it went on from its checkpoint


def test_an_error_that_is_none_of_the_search_folder_is_not_taken_for_one(files):
    from genkit.tuning.search_folder import SearchFolder

    with pytest.raises(FileNotFoundError), SearchFolder(Path("mine")).locked():
        Path("other").read_bytes()
    with SearchFolder(Path("mine")).locked():  # the lock is free again
        pass


def test_results_that_cannot_be_written_are_named(files, monkeypatch):
    monkeypatch.setattr("genkit.tuning.search.Search.run", lambda search: None)
    folder = Path("searches/tiny-space")
    (folder / "trials.png").mkdir(parents=True)
    result = genkit("tune", "tiny.toml", "--space", "space.toml")
    assert result.code == 2
    assert_names(result.err, "trials.png", "cannot be written", "--out")
