"""Worker processes of commands: how they end, and what is printed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import IMAGES, wait_for, write_recipe
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.runs.on_disk.run_folder import RunFolder

pytestmark = [
    pytest.mark.trains,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, and processes that are forked"),
]
ENDLESS = IMAGES.replace("steps = 5", "steps = 1000000") + "\n[report]\nlog_every = 10\n"
RUN = "runs/0001-tiny-s0"


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def start(*arguments: str) -> subprocess.Popen:
    """Start a command in its own group of processes, and wait for a line of its log."""
    write_recipe(Path(), ENDLESS)
    command = [sys.executable, "-m", "genkit", "run", "tiny.toml", "-q", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    log = Path(RUN) / "metrics.jsonl"
    wait_for(lambda: process.poll() is not None or (log.exists() and log.read_text()))
    assert process.poll() is None, process.communicate()[1]
    return process


def children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state != "Z":
            found.append(int(folder.name))
    return found


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def is_free() -> bool:
    try:
        with RunFolder(Path(RUN)).locked():
            return True
    except UsageError:
        return False


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_to_all_processes_saves_and_prints_one_message(name):
    command = start("--workers", "2")
    workers = children(command.pid)
    assert len(workers) == 2
    os.killpg(command.pid, signal.Signals[name])
    errors = command.communicate(timeout=900)[1]
    assert (command.returncode, errors.count("\n")) == (130, 1), errors
    assert_names(errors, "the state is saved", f"genkit resume {RUN}")
    assert not any(map(is_running, workers))


def test_no_worker_survives_a_killed_run():
    command = start("--workers", "2")
    workers = children(command.pid)
    assert len(workers) == 2
    command.kill()
    assert command.communicate(timeout=900)[1] == ""
    wait_for(lambda: not any(map(is_running, workers)))
    assert is_free()


def test_a_killed_worker_stops_the_run_with_one_message():
    command = start("--workers", "2")
    os.kill(children(command.pid)[1], signal.SIGKILL)
    errors = command.communicate(timeout=900)[1]
    assert command.returncode == 1 and "Traceback" not in errors
    (saved,) = RunFolder(Path(RUN)).saved_steps()
    assert_names(errors, f"step {saved}", f"in step {saved + 1}", "[data]", "SIGKILL", f"genkit resume {RUN}")
