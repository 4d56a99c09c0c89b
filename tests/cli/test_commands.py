"""Every command on a tiny recipe: what it prints, writes and returns."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import genkit, write_recipe
from support.messages import assert_names

from genkit import load
from genkit.engine.finite_watch import FiniteWatch
from genkit.parts.metrics.modes import Modes
from genkit.recipe.shipped import shipped_recipes

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return write_recipe(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    said = genkit("run", write_recipe(folder), "--runs", folder / "runs", "--set", "ema.decay=0.5", "-q")
    assert said.code == 0, said.err
    return folder / "runs" / "0001-tiny-s0"


def only_json(said) -> dict:
    """Return the one object that was printed; more or less than one does not parse."""
    assert said.code == 0, said.err
    value = json.loads(said.out)
    assert isinstance(value, dict)
    return value


def test_run_prints_its_plan_first_and_the_next_commands_last():
    said = genkit("run", "tiny.toml")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("tiny\n")
    assert (
        said.out.index("phases of a step") < said.out.index("results") < said.out.index("run       runs/0001-tiny-s0")
    )
    assert said.out.endswith("next      genkit sample runs/0001-tiny-s0\n          genkit eval runs/0001-tiny-s0\n")
    for command in re.findall(r"genkit (\w+) (\S+)$", said.out, re.MULTILINE):
        assert genkit(*command).code == 0


def test_run_makes_the_whole_folder():
    genkit("run", "tiny.toml", "-q")
    folder = Path("runs/0001-tiny-s0")
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        "recipe.toml", "recipe.resolved.toml", "metrics.jsonl", "samples", "checkpoints", "curves.png",
        "results.json", "final", "strip", "figures",
    }  # fmt: skip
    assert (folder / "recipe.toml").read_text() == Path("tiny.toml").read_text()


def test_quiet_prints_only_the_results():
    said = genkit("run", "tiny.toml", "-q")
    assert said.out.startswith("results")
    assert "phases of a step" not in said.out and "step 5/5" not in said.out


def test_without_a_terminal_progress_is_plain_lines():
    said = genkit("run", "tiny.toml")
    assert "step 5/5" in said.out
    assert "\x1b" not in said.out and "\r" not in said.out


def test_run_as_json():
    told = only_json(genkit("run", "tiny.toml", "--json"))
    assert told["run"] == "runs/0001-tiny-s0"
    assert told["results"] == json.loads(Path("runs/0001-tiny-s0/results.json").read_text())
    assert told["results"][0]["protocol"]["samples"] == 100


def test_a_key_that_is_set_reaches_the_run_and_its_resolved_recipe():
    told = only_json(genkit("run", "tiny.toml", "--json", "--set", "train.steps=3", "--set", "model.width=8"))
    resolved = tomllib.loads((Path(told["run"]) / "recipe.resolved.toml").read_text())
    assert (resolved["train"]["steps"], resolved["model"]["width"]) == (3, 8)
    assert [path.name for path in (Path(told["run"]) / "checkpoints").iterdir()] == ["step-00000003"]


def test_runs_go_where_they_are_told_to():
    assert only_json(genkit("run", "tiny.toml", "--json", "--runs", "else/where"))["run"] == "else/where/0001-tiny-s0"


def test_plan_names_parts_owners_and_origins_and_writes_nothing():
    said = genkit("plan", "tiny.toml", "--set", "seed=7")
    assert said.code == 0
    assert re.search(r"model +mlp +genkit-torch ", said.out)
    assert re.search(r"seed +7 +--set", said.out)
    assert re.search(r"model\.width +16 +tiny\.toml:8", said.out)
    assert os.listdir() == ["tiny.toml"]


def test_plan_as_json():
    told = only_json(genkit("plan", "tiny.toml", "--json"))
    assert told["steps"] == 5 and told["unmet"] == []
    hidden = (2 * 16 + 16) + 3 * (16 * 16 + 16)
    assert told["parameters"] == {"encoder": hidden + 16 * 4 + 4, "decoder": hidden + 16 * 2 + 2}


def test_resume_of_a_finished_run_changes_no_weight_and_says_one_object(finished):
    before = (finished / "final" / "model.safetensors").read_bytes()
    told = only_json(genkit("resume", finished, "--json"))
    assert told["results"] == json.loads((finished / "results.json").read_text())
    assert (finished / "final" / "model.safetensors").read_bytes() == before
    assert "already come to its end, after 5 steps" in genkit("resume", finished).out


def test_eval_gives_the_numbers_of_the_run(finished):
    told = only_json(genkit("eval", finished, "--json"))
    assert told["results"] == json.loads((finished / "results.json").read_text())
    said = genkit("eval", finished)
    assert said.code == 0 and "100 samples, drawn split, raw weights" in said.out


def test_eval_computes_another_metric(finished):
    told = only_json(genkit("eval", finished, "--json", "--set", "metrics.high-quality={samples=200, weights='ema'}"))
    assert [(result["label"], result["protocol"]["weights"]) for result in told["results"]] == [
        ("modes", "raw"),
        ("high-quality", "ema"),
    ]


def test_eval_refuses_a_key_that_would_do_nothing(finished):
    said = genkit("eval", finished, "--set", "model.width=8")
    assert said.code == 2 and "--set model.width=8: would do nothing" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_eval_that_is_stopped_says_so(finished, monkeypatch, number):
    def stop(*given):
        signal.raise_signal(number)

    monkeypatch.setattr("genkit.runs.evaluate_trained.evaluate_run", stop)
    said = genkit("eval", finished)
    assert said.code == 130 and "stopped while numbers were computed" in said.err and "Traceback" not in said.err


def test_eval_of_features_takes_an_extractor_as_a_name_or_a_table(finished):
    distance = ("--set", "metrics.frechet-distance.samples=50")
    told = only_json(genkit("eval", finished, "--json", *distance, "--set", "metrics.frechet-distance.features=pixels"))
    assert told["results"][1]["protocol"]["extractor"] == "pixels" and told["results"][1]["value"] > 0
    said = genkit("eval", finished, *distance, "--set", "metrics.frechet-distance.features.use=pixel")
    assert said.code == 2 and "Did you mean pixels?" in said.err


def test_eval_tells_all_that_is_in_the_way_of_a_metric_and_how_its_keys_are_set(finished):
    inception = ("--set", "metrics.fid.features.use=inception", "--set", "metrics.fid.features.path=nowhere.pth")
    said = genkit("eval", finished, "--metrics", "fid", *inception)
    refused, absent, how = said.err.splitlines()
    assert said.code == 2 and "[metrics] fid: " in refused and "not images" in refused
    assert "[metrics.fid] features: path: " in absent and "nowhere.pth: not found" in absent and "pt_incep" in absent
    assert how.endswith("with --set metrics.LABEL.KEY=VALUE.")


def test_eval_of_a_number_that_is_refused_fails(finished, monkeypatch):
    def refuse(*given):
        raise ValueError("would be meaningless")

    monkeypatch.setattr("genkit.parts.metrics.modes.Modes.compute", refuse)
    said = genkit("eval", finished)
    assert said.code == 1 and "would be meaningless" in said.out and not said.err, said
    said = genkit("eval", finished, "--json")
    assert said.code == 1 and json.loads(said.out)["results"][0]["value"] is None


def test_eval_without_a_metric_says_how_to_ask_for_one(tmp_path):
    write_recipe(tmp_path, Path("tiny.toml").read_text().partition("[metrics.modes]")[0])
    genkit("run", "tiny.toml", "-q")
    assert "--metrics NAME computes one" in genkit("eval", "runs/0001-tiny-s0").out


def test_sample_writes_what_the_model_gives(finished, tmp_path):
    told = only_json(genkit("sample", finished, "-n", 7, "--seed", 3, "--out", tmp_path / "a", "--json"))
    assert told == {"samples": 7, "weights": "ema", "written": [str(tmp_path / "a.npy"), str(tmp_path / "a.png")]}
    samples = np.load("a.npy")
    assert samples.shape == (7, 2)
    genkit("sample", finished, "-n", 7, "--seed", 3, "--weights", "raw", "--out", "b")
    assert not np.array_equal(np.load("b.npy"), samples)
    genkit("sample", finished, "-n", 7, "--seed", 3, "--out", "c")
    assert np.array_equal(np.load("c.npy"), samples)


def test_a_final_folder_that_was_copied_elsewhere_samples_and_loads(finished, tmp_path):
    copied = tmp_path / "given away"
    copied.mkdir()
    for path in (finished / "final").iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    assert genkit("sample", copied, "-n", 3).code == 0
    z = torch.zeros(1, 2)
    assert torch.equal(load(copied).sample(z), load(finished).sample(z))
    assert (
        genkit("eval", copied, "--json").out.split('"results"')[1]
        == (genkit("eval", finished, "--json").out.split('"results"')[1])
    )
    said = genkit("resume", copied)
    assert said.code == 2 and f"{copied}: " in said.err and "recipe.resolved.toml" in said.err


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["plugins", "list"], ["plugins", "show", "adam"], ["recipes"], ["recipes", "list"]]
)
def test_a_list_is_one_object_wherever_json_is_asked_for(arguments):
    expected = only_json(genkit(*arguments, "--json"))
    assert only_json(genkit(arguments[0], "--json", *arguments[1:])) == expected
    said = genkit(*arguments)
    assert said.code == 0 and said.out


def test_plugins_names_every_part_with_its_owner():
    told = only_json(genkit("plugins", "--json"))
    assert {("models", "mlp"), ("losses", "vae")} <= {(part["kind"], part["name"]) for part in told["parts"]}
    assert all(part["owner"].startswith("genkit-torch ") for part in told["parts"])
    assert told["broken"] == told["clashes"] == []


def test_every_part_can_be_shown(monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "all")
    for name in {part["name"] for part in only_json(genkit("plugins", "--json"))["parts"]}:
        said = genkit("plugins", "show", name)
        assert said.code == 0 and name in said.out


def test_the_keys_of_a_part_are_shown_with_what_they_take():
    (part,) = only_json(genkit("plugins", "show", "adam", "--json"))["parts"]
    keys = {key["key"]: (key["takes"], key["default"]) for key in part["keys"]}
    assert keys["lr"] == ("a number or a schedule", "required")
    assert "positive" in keys["eps"][0] and keys["eps"][1] == "1e-08"


def test_a_shipped_recipe_is_copied_once():
    name = min(shipped_recipes())
    assert genkit("recipes", "copy", name).out == f"genkit run {name}.toml\n"
    Path(f"{name}.toml").write_text("mine")
    said = genkit("recipes", "copy", name)
    assert said.code == 2 and "is not overwritten" in said.err
    assert Path(f"{name}.toml").read_text() == "mine"
    Path("folder").mkdir()
    assert genkit("recipes", "copy", f"{name}.toml", "folder").out == f"genkit run folder/{name}.toml\n"
    assert genkit("recipes", "copy", name, "deep/er/x.toml").out == "genkit run deep/er/x.toml\n"
    said = genkit("recipes", "copy", name, "tiny.toml/x.toml")
    assert said.code == 2 and "tiny.toml/x.toml: cannot be written" in said.err
    said = genkit("recipes", "copy", name[:-1])
    assert said.code == 2 and f"Did you mean {name}" in said.err


def test_doctor_finds_nothing_wrong_here():
    told = only_json(genkit("doctor", "--json"))
    assert told["problems"] == [] and told["facts"]["torch"] == torch.__version__
    assert genkit("doctor").out.endswith("no problems found\n")


def test_doctor_names_a_place_for_prepared_pictures_that_is_none(tmp_path, monkeypatch):
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GENKIT_CACHE", str(place))
        said = genkit("doctor")
        assert said.code == 1
        assert_names(said.out, place, f"{tmp_path / 'file'} is a file", "GENKIT_CACHE")
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert_names(genkit("doctor").out, "new/cache", f"no permission to write to {tmp_path}", "GENKIT_CACHE")
    assert not (tmp_path / "new").exists()


def test_a_run_that_diverges_exits_with_3_and_tells_why():
    said = genkit("run", "tiny.toml", "-q", "--set", "optimiser.encoder.lr=1e30")
    assert said.code == 3
    assert said.err.startswith("error: training is no longer finite")


def test_a_run_that_is_interrupted_exits_with_130_and_the_command_to_go_on(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(
            "genkit.console.output.NonNegativeInt.update",
            lambda self, step, line: os.kill(os.getpid(), signal.SIGINT) if step == 2 else None,
        )
        said = genkit("run", "tiny.toml", "-q")
    assert (said.code, said.out) == (130, "")
    told = re.fullmatch(r"stopped after step 3 of 5, and saved\. Go on with: genkit (\w+) (\S+)\n", said.err)
    assert genkit(*told.groups()).code == 0
    assert (Path(told[2]) / "final" / "about.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [2, 4])  # while it trains, and at its end
def test_a_signal_during_an_evaluation_is_obeyed_at_once(monkeypatch, number, step):
    before, steps = Modes.compute, []

    def stop_in(metric, evaluation):
        steps.append(2 * len(steps) + 2)
        if steps[-1] == step:
            signal.raise_signal(number)
        return before(metric, evaluation)

    with monkeypatch.context() as patched:
        patched.setattr(Modes, "compute", stop_in)
        said = genkit("run", "tiny.toml", "-q", "--set", "train.steps=4", "--set", "evaluate.every=2")
    assert (said.code, said.out) == (130, "") and steps[-1] == step
    told = re.fullmatch(r"stopped at once\. Go on with: genkit (\w+) (\S+)\n", said.err)
    assert genkit(*told.groups(), "-q").code == 0
    lines = (Path(told[2]) / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


@pytest.mark.parametrize("reason", ["", "would be meaningless"])
def test_the_best_step_is_told_or_why_there_is_none(monkeypatch, reason):
    def compute(*given):
        if reason:
            raise ValueError(reason)
        return 3.0

    monkeypatch.setattr(Modes, "compute", compute)
    said = genkit("run", "tiny.toml", "-q", "--set", "evaluate.every=2", "--set", "evaluate.best=modes")
    none = "none: modes was refused at each of 3 evaluations, at last because would be meaningless"
    told = none if reason else "runs/0001-tiny-s0/best, step 2 by modes"
    assert said.code == 0 and f"best      {told}" in said.out, said


def test_a_wish_to_stop_at_the_last_step_is_not_forgotten(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(FiniteWatch, "observe", lambda watch, record: signal.raise_signal(signal.SIGTERM))
        patched.setattr("genkit.runs.train.evaluate_end", lambda *given: pytest.fail("went on"))
        said = genkit("run", "tiny.toml", "-q", "--set", "train.steps=1")
    assert said.code == 130 and "stopped after step 1 of 1, and saved. Go on with" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_before_training_exits_with_130(monkeypatch, number):
    def interrupt(*args, **options):
        signal.raise_signal(number)

    monkeypatch.setattr("genkit.recipe.plan.make_plan", interrupt)
    assert genkit("run", "tiny.toml").code == 130
    assert not Path("runs").exists()


COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])(?:;[0-9;]*)?m")


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_colours_are_for_terminals_that_want_them(monkeypatch, variables):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")  # stands for a terminal
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = genkit("run", "tiny.toml")
    assert said.code == 0
    assert bool(COLOUR.search(said.out)) is (not variables)


def test_text_of_a_recipe_is_printed_as_it_stands(tmp_path):
    title = r"[bold]x[/] :smile: C:\[a] [/nothing]"
    write_recipe(tmp_path, Path("tiny.toml").read_text().replace('"tiny"', f"'{title}'"))
    said = genkit("plan", "tiny.toml")
    assert said.code == 0
    assert said.out.startswith(title + "\n") and repr(title) in said.out


def test_help_imports_nothing_slow():
    program = (
        "import sys; sys.argv = ['genkit', '--help']\nfrom genkit.__main__ import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "slow = {'torch', 'pydantic', 'rich', 'numpy', 'matplotlib', 'accelerate', 'datasets'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    commands = "run plan resume eval sample reconstruct interpolate figures convert table plugins recipes doctor"
    for command in commands.split():
        assert f"\n  {command} " in done.stdout


def test_the_module_is_the_command_and_a_mistake_leaves_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "genkit", "run", str(tmp_path / "none.toml")],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path}/none.toml: ") and done.stderr.count("\n") == 1
