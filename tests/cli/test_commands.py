"""Every command on a tiny recipe: its output, its files and its exit code."""

import importlib
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
from support.commands import IMAGES, CommandResult, genkit, genkit_process, refused, write_recipe
from support.messages import assert_names

from genkit.engine.finite_watch import FiniteWatch
from genkit.errors import UsageError
from genkit.parts.metrics.modes import Modes
from genkit.recipe.text.shipped import shipped_recipes, shipped_spaces, shipped_tables
from genkit.runs.trained_models.load import load

CHECKOUT = Path(__file__).parents[2]
RESUME = re.compile(r"genkit (resume) (\S+)\n")


@pytest.fixture(autouse=True)
def recipe(isolated, monkeypatch) -> Path:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return write_recipe(isolated)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    result = genkit("run", write_recipe(folder), "--runs", folder / "runs", "--set", "ema.decay=0.5", "-q")
    assert result.code == 0, result.err
    return folder / "runs" / "0001-tiny-s0"


def only_json(result: CommandResult) -> dict:
    """Return the one object that was printed; more or less than one does not parse."""
    assert result.code == 0, result.err
    value = json.loads(result.out)
    assert isinstance(value, dict)
    return value


def resume_of(result: CommandResult) -> tuple[str, ...]:
    """Return the command that the message of an interrupted run ends with."""
    assert (result.code, result.out) == (130, ""), result
    command = RESUME.search(result.err)
    assert command and result.err.endswith(command[0]), result.err
    return command.groups()


# run


@pytest.mark.trains
def test_run_prints_its_plan_first_and_the_next_commands_last():
    result = genkit("run", "tiny.toml")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("tiny\n")
    parts = ("phases of a step", "results", "run       runs/0001-tiny-s0")
    assert sorted(parts, key=result.out.index) == list(parts)
    assert re.search(r"^training  .* s, .* steps/s", result.out, re.MULTILINE)
    commands = re.findall(r"genkit (\w+) (\S+)$", result.out.partition("next ")[2], re.MULTILINE)
    assert commands == [(name, "runs/0001-tiny-s0") for name in ("sample", "demo", "export", "eval")]
    for command in commands:
        assert command[0] == "demo" or genkit(*command).code == 0
    again = genkit("run", "tiny.toml", "--set", "seed=1").out  # which can be compared with the first
    compared = re.search(r"genkit compare (\S+) (\S+)$", again, re.MULTILINE)
    assert (
        compared.groups() == ("runs/0001-tiny-s0", "runs/0002-tiny-s1")
        and genkit("compare", *compared.groups()).code == 0
    )


@pytest.mark.trains
def test_run_writes_all_files_of_a_run_folder():
    genkit("run", "tiny.toml", "-q")
    folder = Path("runs/0001-tiny-s0")
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        "recipe.toml", "recipe.resolved.toml", "metrics.jsonl", "samples", "checkpoints", "curves.png",
        "results.json", "final", "strip", "figures", "timing.json", "report.html",
    }  # fmt: skip
    assert (folder / "recipe.toml").read_text() == Path("tiny.toml").read_text()


@pytest.mark.trains
def test_quiet_prints_only_the_results():
    result = genkit("run", "tiny.toml", "-q")
    assert result.out.startswith("results")
    assert "phases of a step" not in result.out and "step 5/5" not in result.out


@pytest.mark.trains
def test_progress_without_a_terminal_is_plain_lines():
    result = genkit("run", "tiny.toml")
    assert "step 5/5" in result.out
    assert "\x1b" not in result.out and "\r" not in result.out


@pytest.mark.trains
def test_run_as_json():
    facts = only_json(genkit("run", "tiny.toml", "--json"))
    assert facts["run"] == "runs/0001-tiny-s0"
    assert facts["results"] == json.loads(Path("runs/0001-tiny-s0/results.json").read_text())
    assert facts["results"][0]["protocol"]["samples"] == 100


@pytest.mark.trains
def test_an_override_reaches_the_run_and_its_resolved_recipe():
    facts = only_json(genkit("run", "tiny.toml", "--json", "--set", "train.steps=3", "--set", "model.width=8"))
    resolved = tomllib.loads((Path(facts["run"]) / "recipe.resolved.toml").read_text())
    assert (resolved["train"]["steps"], resolved["model"]["width"]) == (3, 8)
    assert [path.name for path in (Path(facts["run"]) / "checkpoints").iterdir()] == ["step-00000003"]


@pytest.mark.trains
def test_the_runs_option_chooses_the_parent_folder():
    facts = only_json(genkit("run", "tiny.toml", "--json", "--runs", "else/where"))
    assert facts["run"] == "else/where/0001-tiny-s0"


# plan


def test_plan_names_parts_owners_and_origins_and_writes_nothing():
    result = genkit("plan", "tiny.toml", "--set", "seed=7")
    assert result.code == 0
    assert re.search(r"model +mlp +genkit-torch ", result.out)
    assert re.search(r"seed +7 +--set", result.out)
    assert re.search(r"model\.width +16 +tiny\.toml:8", result.out)
    assert os.listdir() == ["tiny.toml"]


def test_plan_as_json():
    facts = only_json(genkit("plan", "tiny.toml", "--json"))
    assert facts["steps"] == 5 and facts["unmet"] == []
    hidden = (2 * 16 + 16) + 3 * (16 * 16 + 16)
    assert facts["parameters"] == {"encoder": hidden + 16 * 4 + 4, "decoder": hidden + 16 * 2 + 2}


# resume


@pytest.mark.trains
def test_resume_of_a_finished_run_changes_no_weight_and_prints_one_object(finished):
    before = (finished / "final" / "model.safetensors").read_bytes()
    facts = only_json(genkit("resume", finished, "--json"))
    assert facts["results"] == json.loads((finished / "results.json").read_text())
    assert (finished / "final" / "model.safetensors").read_bytes() == before
    assert_names(genkit("resume", finished).out.splitlines()[0], finished, "5 steps")


# eval


@pytest.mark.trains
def test_eval_gives_the_numbers_of_the_run(finished):
    facts = only_json(genkit("eval", finished, "--json"))
    assert facts["results"] == json.loads((finished / "results.json").read_text())
    result = genkit("eval", finished)
    assert result.code == 0 and "100 samples, fresh draws of the data, raw weights" in result.out


@pytest.mark.trains
def test_eval_computes_another_metric(finished):
    facts = only_json(genkit("eval", finished, "--json", "--set", "metrics.high-quality={samples=200, weights='ema'}"))
    assert [(result["label"], result["protocol"]["weights"]) for result in facts["results"]] == [
        ("modes", "raw"),
        ("high-quality", "ema"),
    ]


@pytest.mark.trains
def test_eval_refuses_an_override_without_effect(finished):
    assert_names(refused("eval", finished, "--set", "model.width=8"), "--set model.width=8", "metrics", "data", "seed")


@pytest.mark.trains
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_eval_that_is_interrupted_exits_with_130(finished, monkeypatch, number):
    def stop(*given):
        signal.raise_signal(number)

    monkeypatch.setattr("genkit.runs.trained_models.evaluate_run.evaluate_run", stop)
    result = genkit("eval", finished)
    assert (result.code, result.out) == (130, "") and result.err.startswith("stopped"), result


@pytest.mark.trains
def test_eval_takes_an_extractor_as_a_name_or_a_table(finished):
    distance = ("--set", "metrics.frechet-distance.samples=50")
    facts = only_json(
        genkit("eval", finished, "--json", *distance, "--set", "metrics.frechet-distance.features=pixels")
    )
    assert facts["results"][1]["protocol"]["extractor"] == "pixels" and facts["results"][1]["value"] > 0
    message = refused("eval", finished, *distance, "--set", "metrics.frechet-distance.features.use=pixel")
    assert_names(message, "[metrics.frechet-distance.features] use", '"pixel"', "pixels")


@pytest.mark.trains
def test_eval_reports_all_problems_of_a_metric_and_how_to_set_its_keys(finished):
    inception = ("--set", "metrics.fid.features.use=inception", "--set", "metrics.fid.features.path=nowhere.pth")
    wrong_shape, missing_file, hint = refused("eval", finished, "--metrics", "fid", *inception).splitlines()
    assert_names(wrong_shape, "[metrics] fid: ", "images")
    assert_names(missing_file, "[metrics.fid.features] path: ", "nowhere.pth", "pt_incep")
    assert_names(hint, "--set metrics.LABEL.KEY=VALUE")


@pytest.mark.trains
def test_eval_with_a_refused_number_exits_with_1(finished, monkeypatch):
    def refuse(*given):
        raise ValueError("would be meaningless")

    monkeypatch.setattr("genkit.parts.metrics.modes.Modes.compute", refuse)
    result = genkit("eval", finished)
    assert result.code == 1 and "would be meaningless" in result.out and not result.err, result
    result = genkit("eval", finished, "--json")
    assert result.code == 1 and json.loads(result.out)["results"][0]["value"] is None


@pytest.mark.trains
def test_eval_without_a_metric_says_how_to_ask_for_one(tmp_path):
    write_recipe(tmp_path, Path("tiny.toml").read_text().partition("[metrics.modes]")[0])
    genkit("run", "tiny.toml", "-q")
    result = genkit("eval", "runs/0001-tiny-s0")
    assert result.code == 0
    assert_names(result.out, "--metrics NAME", "genkit plugins")


# sample, and model folders


@pytest.mark.trains
def test_sample_writes_the_samples_of_the_model(finished, tmp_path):
    facts = only_json(genkit("sample", finished, "-n", 7, "--seed", 3, "--out", tmp_path / "a", "--json"))
    assert facts == {"samples": 7, "weights": "ema", "written": [str(tmp_path / "a.npy"), str(tmp_path / "a.png")]}
    samples = np.load("a.npy")
    assert samples.shape == (7, 2)
    genkit("sample", finished, "-n", 7, "--seed", 3, "--weights", "raw", "--out", "b")
    assert not np.array_equal(np.load("b.npy"), samples)
    genkit("sample", finished, "-n", 7, "--seed", 3, "--out", "c")
    assert np.array_equal(np.load("c.npy"), samples)


@pytest.mark.trains
def test_a_copied_model_folder_samples_and_loads(finished, tmp_path):
    copied = tmp_path / "given away"
    copied.mkdir()
    for path in (finished / "final").iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    assert genkit("sample", copied, "-n", 3).code == 0
    z = torch.zeros(1, 2)
    assert torch.equal(load(copied).sample(z), load(finished).sample(z))
    expected = only_json(genkit("eval", finished, "--json"))["results"]
    assert only_json(genkit("eval", copied, "--json"))["results"] == expected
    assert_names(refused("resume", copied), f"{copied}: ", "recipe.resolved.toml", "`genkit.load`")


# plugins, recipes, doctor


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["plugins", "list"], ["plugins", "show", "adam"], ["recipes"], ["recipes", "list"]]
)
def test_json_before_or_after_a_subcommand_prints_one_object(arguments):
    expected = only_json(genkit(*arguments, "--json"))
    assert only_json(genkit(arguments[0], "--json", *arguments[1:])) == expected
    result = genkit(*arguments)
    assert result.code == 0 and result.out


def test_plugins_lists_every_part_with_its_owner():
    facts = only_json(genkit("plugins", "--json"))
    assert {("models", "mlp"), ("losses", "vae")} <= {(part["kind"], part["name"]) for part in facts["parts"]}
    assert all(part["owner"].startswith("genkit-torch ") for part in facts["parts"])
    assert facts["broken"] == facts["clashes"] == []


@pytest.mark.trains
def test_plugins_show_gives_every_key_of_every_part_a_meaning(monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "all")
    undocumented = []
    for name in {part["name"] for part in only_json(genkit("plugins", "--json"))["parts"]}:
        result = genkit("plugins", "show", name)
        assert result.code == 0 and name in result.out
        for part in only_json(genkit("plugins", "show", name, "--json"))["parts"]:
            assert part["about"], name
            undocumented += [f"{name}: {key['key']}" for key in part["keys"] if not key["meaning"]]
    assert not undocumented, undocumented


def test_plugins_show_gives_the_type_and_the_default_of_a_key():
    (part,) = only_json(genkit("plugins", "show", "adam", "--json"))["parts"]
    keys = {key["key"]: (key["takes"], key["default"]) for key in part["keys"]}
    assert keys["lr"] == ("a number >= 0, or a schedule of such numbers", "required")
    assert keys["eps"] == ("a positive number", "1e-08")


def test_recipes_lists_the_shipped_recipes_tables_and_spaces():
    names = {*shipped_recipes(), *(f"tables/{name}" for name in shipped_tables())}
    names |= {f"spaces/{name}" for name in shipped_spaces()}
    assert only_json(genkit("recipes", "--json")).keys() == names
    assert {"tables/table1", "spaces/beta_neg_digits"} <= names
    listed = genkit("recipes").out
    assert_names(listed, "vae_8gaussians", "genkit table", "networks_digits")
    assert (
        listed.index("\nbeta_neg_digits ") > listed.index("genkit tune RECIPE --space NAME") > listed.index("networks_")
    )
    assert_names(refused("recipes", "copy", "table1"), '"table1"', "genkit table show table1")


def test_recipes_copy_writes_a_new_file_and_overwrites_none():
    name = min(shipped_recipes())
    assert genkit("recipes", "copy", name).out == f"genkit run {name}.toml\n"
    Path(f"{name}.toml").write_text("mine")
    assert_names(refused("recipes", "copy", name), f"{name}.toml: already exists")
    assert Path(f"{name}.toml").read_text() == "mine"
    Path("folder").mkdir()
    assert genkit("recipes", "copy", f"{name}.toml", "folder").out == f"genkit run folder/{name}.toml\n"
    assert genkit("recipes", "copy", name, "deep/er/x.toml").out == "genkit run deep/er/x.toml\n"
    assert_names(refused("recipes", "copy", name, "tiny.toml/x.toml"), "tiny.toml/x.toml: cannot be written")
    assert_names(refused("recipes", "copy", name[:-1]), f'"{name[:-1]}"', f"Did you mean {name}")


@pytest.mark.parametrize("name", ["beta_neg_digits", "beta_neg_digits.toml", "spaces/beta_neg_digits"])
def test_recipes_copy_copies_a_space_to_be_searched(name):
    assert genkit("recipes", "copy", name).out == "genkit tune RECIPE --space beta_neg_digits.toml\n"
    shipped = CHECKOUT / "recipes/spaces/beta_neg_digits.toml"
    assert Path("beta_neg_digits.toml").read_bytes() == shipped.read_bytes()
    assert_names(refused("recipes", "copy", name), "beta_neg_digits.toml: already exists")


def test_doctor_finds_no_problem():
    facts = only_json(genkit("doctor", "--json"))
    assert facts["problems"] == [] and facts["facts"]["torch"] == torch.__version__
    assert genkit("doctor").out.endswith("no problems found\n")


def test_doctor_reports_a_cache_folder_that_cannot_be_written(tmp_path, monkeypatch):
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GENKIT_CACHE", str(place))
        result = genkit("doctor")
        assert result.code == 1 and "1 problem " in result.err
        assert_names(result.out.splitlines()[-1], f"{place} ", f"{tmp_path / 'file'} is a file", "GENKIT_CACHE")
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    result = genkit("doctor")
    assert result.code == 1 and "2 problems " in result.err
    assert_names(result.out.splitlines()[-1], f"{tmp_path}/new/cache", "GENKIT_CACHE")
    assert not (tmp_path / "new").exists()


def test_an_unknown_home_folder_is_a_problem_of_the_cache(without_home):
    result = genkit("doctor")
    assert result.code == 1 and "1 problem " in result.err
    assert_names(result.out.splitlines()[-1], "problem: ", "home folder", "GENKIT_CACHE")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_a_command_that_runs_out_of_memory_says_so(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr("genkit.runs.installation.installation_facts", fail)
    assert_names(refused("doctor"), "out of memory", str(error))


# How a run ends


@pytest.mark.trains
def test_a_diverged_run_exits_with_3():
    message = refused("run", "tiny.toml", "-q", "--set", "optimiser.encoder.lr=1e30", code=3)
    assert_names(message, "finite", "runs/0001-tiny-s0")


@pytest.mark.trains
def test_an_interrupted_run_exits_with_130_and_prints_the_command_that_resumes_it(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(
            "genkit.console.run_progress.SilentProgress.update",
            lambda self, step, line: os.kill(os.getpid(), signal.SIGINT) if step == 2 else None,
        )
        result = genkit("run", "tiny.toml", "-q")
    command = resume_of(result)
    assert_names(result.err, "step 3 of 5")
    assert genkit(*command).code == 0
    assert (Path(command[1]) / "final" / "about.json").exists()


@pytest.mark.trains
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", [2, 4])  # during training, and at its end
def test_a_signal_during_an_evaluation_stops_the_run_at_once(monkeypatch, number, step):
    before, steps = Modes.compute, []

    def stop_in(metric, evaluation):
        steps.append(2 * len(steps) + 2)
        if steps[-1] == step:
            signal.raise_signal(number)
        return before(metric, evaluation)

    with monkeypatch.context() as patched:
        patched.setattr(Modes, "compute", stop_in)
        result = genkit("run", "tiny.toml", "-q", "--set", "train.steps=4", "--set", "evaluate.every=2")
    command = resume_of(result)
    assert steps[-1] == step
    assert genkit(*command, "-q").code == 0
    lines = (Path(command[1]) / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


@pytest.mark.trains
@pytest.mark.parametrize("reason", ["", "would be meaningless"])
def test_a_run_prints_its_best_step_or_why_there_is_none(monkeypatch, reason):
    def compute(*given):
        if reason:
            raise ValueError(reason)
        return 3.0

    monkeypatch.setattr(Modes, "compute", compute)
    result = genkit("run", "tiny.toml", "-q", "--set", "evaluate.every=2", "--set", "evaluate.best=modes")
    assert result.code == 0, result.err
    (best,) = re.findall(r"^best      (.*)$", result.out, re.MULTILINE)
    if reason:
        assert_names(best, "none: ", "3 evaluations of modes", reason)
    else:
        assert best == "runs/0001-tiny-s0/best, step 2 by modes"


@pytest.mark.trains
def test_a_signal_at_the_last_step_is_obeyed(monkeypatch):
    observe = FiniteWatch.observe
    with monkeypatch.context() as patched:
        signalled = lambda watch, record: signal.raise_signal(signal.SIGTERM) or observe(watch, record)  # noqa: E731
        patched.setattr(FiniteWatch, "observe", signalled)
        patched.setattr("genkit.runs.training.finish.evaluate_end", lambda *given: pytest.fail("went on"))
        result = genkit("run", "tiny.toml", "-q", "--set", "train.steps=1")
    assert resume_of(result)
    assert_names(result.err, "step 1 of 1")


@pytest.mark.trains
@pytest.mark.parametrize("place", ["draw_during_training.PictureDrawer", "checkpoint_during_training.CheckpointWriter"])
@pytest.mark.parametrize("step", [2, 4])  # before an evaluation during training, and before the last one
def test_a_signal_while_a_step_is_drawn_or_saved_stops_before_the_evaluation(monkeypatch, place, step):
    module, _, name = place.partition(".")
    consumer = getattr(importlib.import_module(f"genkit.runs.training.{module}"), name)
    before = consumer.stepped

    def stop_in(self, completed):
        if completed == step:
            signal.raise_signal(signal.SIGTERM)
        return before(self, completed)

    evaluated = []
    with monkeypatch.context() as patched:
        patched.setattr(consumer, "stepped", stop_in)
        patched.setattr(Modes, "compute", lambda *given: evaluated.append(1) or 1.0)
        result = genkit("run", "tiny.toml", "-q", "--set", "train.steps=4", "--set", "evaluate.every=2")
    command = resume_of(result)
    assert_names(result.err, f"step {step} of 4")
    assert len(evaluated) == step / 2 - 1
    assert genkit(*command, "-q").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_an_interruption_before_training_exits_with_130(monkeypatch, number):
    def interrupt(*args, **options):
        signal.raise_signal(number)

    monkeypatch.setattr("genkit.recipe.plan.make_plan", interrupt)
    assert genkit("run", "tiny.toml").code == 130
    assert not Path("runs").exists()


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch):
    """As under `nohup`, which ignores SIGHUP."""
    plan = "genkit.recipe.plan.make_plan"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def hang_up(*args, **options):
        signal.raise_signal(signal.SIGHUP)
        raise UsageError("not stopped")

    monkeypatch.setattr(plan, hang_up)
    try:
        assert_names(refused("run", "tiny.toml"), "not stopped")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.trains
def test_characters_that_the_output_cannot_show_are_replaced(isolated):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "genkit", "plan", "tiny.toml", "--set", "title=Möwe"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "Mowe" in done.stdout


# Text


def test_markup_in_a_recipe_is_printed_unchanged(tmp_path):
    title = r"[bold]x[/] :smile: C:\[a] [/nothing]"
    write_recipe(tmp_path, Path("tiny.toml").read_text().replace('"tiny"', f"'{title}'"))
    result = genkit("plan", "tiny.toml")
    assert result.code == 0
    assert result.out.startswith(title + "\n") and json.dumps(title) in result.out


# Help and completion


@pytest.mark.trains
def test_help_imports_nothing_slow():
    program = (
        "import sys; sys.argv = ['genkit', '--help']\nfrom genkit.__main__ import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "slow = {'torch', 'pydantic', 'rich', 'numpy', 'matplotlib', 'accelerate', 'datasets'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    commands = "run plan resume eval sample reconstruct interpolate figures convert table plugins recipes doctor"
    for command in commands.split():
        assert f"\n  {command} " in done.stdout
    assert "--install-completion" in done.stdout and "--show-completion" in done.stdout


SHELLS = {"bash": "complete -o default -F ", "zsh": "#compdef genkit", "fish": "complete --command genkit"}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_of_a_shell_is_shown_and_installed(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda *given: (shell, f"/bin/{shell}"))
    shown = genkit("--show-completion")
    assert shown.code == 0 and SHELLS[shell] in shown.out and "_GENKIT_COMPLETE=complete_" + shell in shown.out
    assert genkit("--install-completion").code == 0
    (installed,) = (path for path in tmp_path.rglob("*genkit*") if path.is_file())
    assert installed.read_text().strip() == shown.out.strip()


def test_completion_offers_commands_and_options(monkeypatch):
    monkeypatch.setenv("_GENKIT_COMPLETE", "complete_bash")
    for words, expected in (
        ("genkit re", {"resume", "reconstruct", "recipes", "report"}),
        ("genkit run --st", {"--stand-in"}),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert set(genkit().out.split()) == expected


@pytest.mark.trains
def test_a_mistake_in_a_process_of_its_own_leaves_no_traceback(tmp_path):
    done = genkit_process("run", str(tmp_path / "none.toml"), cwd=CHECKOUT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path}/none.toml: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("plugins", "shwo"), ("recipes", "copi"), ("data", "chekc"), ("comprae",)])
def test_an_unknown_command_is_refused_with_the_closest_ones(words, isolated):
    meant = {"shwo": "show", "copi": "copy", "chekc": "check", "comprae": "compare"}[words[-1]]
    result = genkit(*words)
    assert result.code == 2
    assert_names(result.err, words[-1], f"Did you mean {meant}")


@pytest.mark.trains
def test_a_run_that_can_score_ends_with_the_command(isolated):
    result = genkit("run", write_recipe(isolated, IMAGES))
    assert "          genkit score runs/0001-tiny-s0 --data FOLDER\n" in result.out
    assert "genkit demo" in result.out and len(result.out.partition("next ")[2].splitlines()) <= 5
