"""Processes that a command starts: what they depend on, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from support.commands import TINY, genkit, genkit_process, start_processes, wait_for, write_recipe
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.launched import LAUNCHER
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.evaluate_during_training import evaluations_of

pytestmark = pytest.mark.trains
RECIPE = TINY.replace("batch_size = 16", "batch_size = 8")
ENDLESS = RECIPE.replace("steps = 5", "steps = 1000000") + "\n[report]\nlog_every = 10\n"
COMMAND = [sys.executable, "-P", "-m", "genkit"]  # as the installed command, whose path has no working folder
RUN = "runs/0001-tiny-s0"
STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """End what a test has started: a test that fails would leave a training of hours behind."""
    STARTED.clear()
    yield
    for process in STARTED:
        ranks = children(process).values() if Path("/proc/self/environ").exists() else ()
        process.kill()
        for number in ranks:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def start_command(*arguments: str, **options: Any) -> subprocess.Popen:
    """Start a command, which ends with the test."""
    STARTED.append(subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, **options))
    return STARTED[-1]


def start(*arguments: str) -> subprocess.Popen:
    """Start a command, and wait for a line of the log of the first run."""
    process = start_command(*arguments)
    log = Path(RUN) / "metrics.jsonl"
    wait_for(lambda: process.poll() is not None or (log.exists() and log.read_text()))
    assert process.poll() is None, process.communicate()[1]
    return process


def children(process: subprocess.Popen) -> dict[str, int]:
    """Return the process numbers of the processes that a command has started, by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().decode().split("\0")
        except OSError:
            continue
        if f"{LAUNCHER}={process.pid}" in variables:
            rank = next((text for text in variables if text.startswith("RANK=")), "RANK=0")
            found[rank.removeprefix("RANK=")] = int(folder.name)
    return found


def is_free() -> bool:
    try:
        with RunFolder(Path(RUN)).locked():
            return True
    except UsageError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")


@pytest.mark.parametrize("rank", [0, 1])
@needs_proc
def test_a_process_that_is_killed_ends_the_run_with_one_message(rank):
    write_recipe(Path(), ENDLESS)
    command = start("run", "tiny.toml", "-q", "--processes", "2", "--set", "checkpoint.every=10")
    os.kill(children(command)[str(rank)], signal.SIGKILL)
    errors = command.communicate(timeout=900)[1]
    assert command.returncode == 1
    assert errors.count("\n") == 1 and errors.startswith("error: "), errors
    assert_names(errors, f"process {rank} of 2", "SIGKILL", f"genkit resume {RUN} --processes 2")
    assert is_free()


@needs_proc
def test_processes_save_and_stop_when_their_command_is_killed():
    write_recipe(Path(), ENDLESS)
    command = start("run", "tiny.toml", "-q", "--processes", "2")
    command.kill()
    errors = command.communicate(timeout=900)[1]  # the processes write to the same pipe, so this waits for them, too
    assert_names(errors, f"genkit resume {RUN} --processes 2")
    assert is_free() and RunFolder(Path(RUN)).saved_steps()
    assert not children(command)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_several_processes_ignore_a_signal_that_their_command_ignores_and_save_on_sigterm():
    """As under `nohup`."""
    write_recipe(Path(), ENDLESS)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        command = start("run", "tiny.toml", "-q", "--processes", "2")
    finally:
        signal.signal(signal.SIGHUP, before)
    for process in (command.pid, *children(command).values()):
        os.kill(process, signal.SIGHUP)
    logged = len(RunFolder(Path(RUN)).lines())
    wait_for(lambda: command.poll() is not None or len(RunFolder(Path(RUN)).lines()) > logged + 5)
    assert command.poll() is None
    command.terminate()
    assert_names(command.communicate(timeout=900)[1], f"genkit resume {RUN} --processes 2")
    assert command.returncode == 130
    assert is_free() and RunFolder(Path(RUN)).saved_steps()


def test_a_mistake_that_only_training_finds_leaves_no_folder():
    write_recipe(Path(), RECIPE)
    done = genkit_process("run", "tiny.toml", "-q", "--processes", "2", "--set", "train.batch_size=9", cwd=Path())
    assert done.returncode == 2
    assert not Path("runs").exists()


EVALUATED = (
    RECIPE.replace("batch_size = 8", 'batch_size = 8\nprecision = "fp64"')
    + """
[metrics.posterior-kl]

[metrics.error]
use = "reconstruction-error"
samples = 64

[metrics.sliced-wasserstein]
samples = 2_500
weights = "ema"

[ema]
decay = 0.5

[evaluate]
every = 3
metrics = ["posterior-kl", "error", "modes"]
best = "error"
"""
)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_several_processes_compute_the_run_of_one_and_depend_on_their_command_alone(monkeypatch):
    """The same weights, and numbers during the run, at its end, and of `genkit eval` under a launcher.

    They do not depend on a recipe that can be read once, on modules of the working folder, on settings of Accelerate,
    on a cluster, which sets WORLD_SIZE=1 and RANK without a launcher, or on a standard output.
    """
    recipe = write_recipe(Path(), EVALUATED.replace("steps = 5", "steps = 20"))
    Path("random.py").write_text("raise SystemExit('executed')")
    settings = Path("home/accelerate/default_config.yaml")
    settings.parent.mkdir(parents=True)
    settings.write_text("gpu_ids: '0'\nunknown: key\n")
    run = f'"{sys.executable}" -P -m genkit run /dev/fd/0 -q --processes 2 >&-'
    environment = {**os.environ, "HF_HOME": "home", "WORLD_SIZE": "1", "RANK": "1"}
    command = ["sh", "-c", f"cat tiny.toml | {run}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    (two,) = (RunFolder(path) for path in Path("runs").iterdir() if path.is_dir())
    assert json.loads((two.final / "about.json").read_text())["processes"] == 2

    assert genkit("run", recipe, "-q", "--runs", "alone").code == 0
    one = RunFolder(Path("alone/0001-tiny-s0"))
    for name in ("final", "best"):
        a, b = (load_file(folder.path / name / "model.safetensors") for folder in (one, two))
        assert a.keys() == b.keys()
        assert max((a[key] - b[key]).abs().max().item() for key in a) <= 1e-10
    assert step_of(one.best) == step_of(two.best)
    pairs = list(zip(evaluations_of(one), evaluations_of(two), strict=True))
    assert [a.step for a, _ in pairs] == [3, 6, 9, 12, 15, 18, 20]
    for a, b in pairs:
        assert a.value("error") == pytest.approx(b.value("error"), rel=1e-9)

    results = json.loads(two.results.read_text())
    alone = genkit("eval", two.path, "--json")
    assert alone.code == 0 and json.loads(alone.out)["results"] == results
    best = genkit("eval", two.best, "--json", "--metrics", "posterior-kl,error,modes")
    about = json.loads((two.best / "about.json").read_text())
    logged = {line["step"]: line["results"] for line in map(json.loads, two.evaluations.path.read_text().splitlines())}
    assert json.loads(best.out)["results"] == sorted(logged[about["step"]], key=lambda each: each["label"] == "modes")

    processes = start_processes(2, *COMMAND, "eval", two.path, "--json")
    (main, errors), (other, more) = (process.communicate(timeout=900) for process in processes)
    assert [process.returncode for process in processes] == [0, 0], (errors, more)
    assert json.loads(main)["results"] == results and other == more == ""


STOPS = {
    "Ctrl-C": (lambda command, ranks: os.killpg(command.pid, signal.SIGINT), 130),
    "SIGTERM": (lambda command, ranks: command.terminate(), 130),
    "main killed": (lambda command, ranks: os.kill(ranks["0"], signal.SIGKILL), 1),
    "other killed": (lambda command, ranks: os.kill(ranks["1"], signal.SIGKILL), 1),
}


@pytest.mark.parametrize("how", STOPS)
@needs_proc
def test_a_stop_in_an_evaluation_stops_all_processes_and_loses_nothing(how):
    text = EVALUATED.replace("samples = 100\n", "samples = 100_000_000\n")  # many minutes
    write_recipe(Path(), text)
    command = start_command("run", "tiny.toml", "-q", "--processes", "2", start_new_session=True)
    wait_for(lambda: Path(RUN, "checkpoints/step-00000003").exists() or command.poll() is not None)
    time.sleep(0.5)
    stop, code = STOPS[how]
    stop(command, children(command))
    errors = command.communicate(timeout=900)[1]
    assert command.returncode == code, errors
    assert "Traceback" not in errors
    assert_names(errors, f"genkit resume {RUN} --processes 2")
    assert not children(command) and is_free()
    folder = RunFolder(Path(RUN))
    assert folder.saved_steps() == [3] and not folder.evaluations.lines() and not folder.best.exists()
