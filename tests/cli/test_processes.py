"""Processes that a command starts: what they depend on, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import TINY, genkit_process, write_recipe
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.launched import LAUNCHER
from genkit.runs.run_folder import RunFolder

pytestmark = pytest.mark.trains
RECIPE = TINY.replace("batch_size = 16", "batch_size = 8")
ENDLESS = RECIPE.replace("steps = 5", "steps = 1000000") + "\n[report]\nlog_every = 10\n"
COMMAND = [sys.executable, "-P", "-m", "genkit"]  # as the installed command, whose path has no working folder
RUN = "runs/0001-tiny-s0"


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def start(*arguments: str) -> subprocess.Popen:
    """Start a command, and wait for a line of the log of the first run."""
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
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


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_processes_depend_on_the_command_alone(monkeypatch):
    """Not on a recipe that can be read once, on modules of the working folder, or on settings of Accelerate."""
    write_recipe(Path(), RECIPE)
    Path("random.py").write_text("raise SystemExit('executed')")
    settings = Path("home/accelerate/default_config.yaml")
    settings.parent.mkdir(parents=True)
    settings.write_text("gpu_ids: '0'\nunknown: key\n")
    monkeypatch.setenv("HF_HOME", "home")
    command = ["sh", "-c", f'cat tiny.toml | "{sys.executable}" -P -m genkit run /dev/fd/0 -q --processes 2']
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (run,) = (path for path in Path("runs").iterdir() if path.is_dir())
    assert json.loads((run / "final/about.json").read_text())["processes"] == 2


@pytest.mark.parametrize("rank", [0, 1])
@needs_proc
def test_a_process_that_is_killed_ends_the_run_with_one_message(rank):
    write_recipe(Path(), ENDLESS)
    command = start("run", "tiny.toml", "-q", "--processes", "2", "--set", "checkpoint.every=10")
    os.kill(children(command)[str(rank)], signal.SIGKILL)
    errors = command.communicate(timeout=60)[1]
    assert command.returncode == 1
    assert errors.count("\n") == 1 and errors.startswith("error: "), errors
    assert_names(errors, f"process {rank} of 2", "SIGKILL", f"genkit resume {RUN} --processes 2")
    assert is_free()


@needs_proc
def test_processes_save_and_stop_when_their_command_is_killed():
    write_recipe(Path(), ENDLESS)
    command = start("run", "tiny.toml", "-q", "--processes", "2")
    command.kill()
    errors = command.communicate(timeout=60)[1]  # the processes write to the same pipe, so this waits for them, too
    assert_names(errors, f"genkit resume {RUN} --processes 2")
    assert is_free() and RunFolder(Path(RUN)).saved_steps()
    assert not children(command)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_several_processes_ignore_a_signal_that_their_command_ignores():
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
    assert_names(command.communicate(timeout=60)[1], f"genkit resume {RUN} --processes 2")
    assert command.returncode == 130


def test_a_mistake_that_only_training_finds_leaves_no_folder():
    write_recipe(Path(), RECIPE)
    done = genkit_process("run", "tiny.toml", "-q", "--processes", "2", "--set", "train.batch_size=9", cwd=Path())
    assert done.returncode == 2
    assert not Path("runs").exists()
