"""One run on several processes of this machine.

Each process is ``genkit resume RUN``, which starts a new run, too. The processes find each other through environment
variables of torch. So they depend on the run folder alone: not on the settings of a launcher, and not on a recipe that
can be read only once.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from genkit.console.streams import excuse_lost_output
from genkit.errors import Interrupted, RunError, UsageError
from genkit.launched import LOST, UNSAID, announced_size
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.signals import stop_requested
from genkit.runs.start_genkit import start_genkit
from genkit.runs.training.next_step import Commands

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan

POLL = 0.1  # seconds between two checks of the processes
GRACE = 30.0  # seconds that the processes have to end after one of them has failed


def must_launch(plan: Plan, processes: int) -> bool:
    """Return whether this command starts the processes: there are several, and this is none of them.

    Raises `UsageError` if the batch size is not divisible, if there are fewer GPUs, or if WORLD_SIZE is no number.
    """
    if processes == 1 or announced_size() > 1:
        return False
    from genkit.engine.batches import check_batch
    from genkit.recipe.machine.training_device import check_device_of

    check_batch(plan, processes)
    check_device_of(processes - 1, f"--processes {processes}")
    return True


def train_on_processes(folder: RunFolder, processes: int, threads: int, workers: int, json: bool, quiet: bool) -> None:
    """Train the run on several processes to its end.

    Exits with their exit code if they fail together, with a message of their own. Raises `RunError` if one of them
    fails alone, for example because it is killed, and `Interrupted` if the main one was stopped while it started.
    """
    if sys.stdout is not None:  # None if the standard output is closed
        sys.stdout.flush()
    options = ["--threads", str(threads), "--workers", str(workers), *["--json"] * json, *["--quiet"] * quiet]
    shared = {
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": str(threads),
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        with stop_requested(hurry=False) as stop:
            for rank in range(processes):
                place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                started.append(start_genkit("resume", str(folder.path), *options, variables=shared | place))
            ended = _wait(started, stop)
            asked = stop()
    finally:
        for process in started:
            process.kill()  # no effect on one that has ended
    excuse_lost_output()
    if started[0].returncode not in (0, UsageError.exit_code):
        from genkit.runs.report.write_report import write_absent_report

        write_absent_report(folder)
    if started[0].returncode == UNSAID or (asked and _is_silent(started[0].returncode)):
        raise Interrupted(f"{_stopped(folder)} {Commands(processes).resume(folder)}")
    _report(folder, ended, started)


def _wait(started: Sequence[subprocess.Popen[bytes]], stop: Callable[[], bool]) -> list[int]:
    """Return the ranks in the order in which they ended. After a failure, kill those that do not end soon."""
    ended: list[int] = []
    asked, deadline = False, float("inf")
    while len(ended) < len(started):
        time.sleep(POLL)
        if stop() and not asked:  # the terminal sends Ctrl-C to all processes, but other signals reach only this one
            asked = True
            for process in started:
                process.terminate()
        for rank, process in enumerate(started):
            if rank not in ended and process.poll() is not None:
                ended.append(rank)
                if process.returncode:
                    deadline = min(deadline, time.monotonic() + GRACE)
            elif time.monotonic() > deadline:
                process.kill()
    return ended


def _is_silent(code: int) -> bool:
    """Return whether a process with this exit code has printed nothing: it was killed, or left alone."""
    return code < 0 or code == LOST


def _stopped(folder: RunFolder) -> str:
    """Return what a run has saved whose processes were stopped while they started."""
    if saved := folder.saved_steps():
        return f"stopped; the state after step {saved[-1]} is saved."
    return "stopped before the first step."


def _report(folder: RunFolder, ended: Sequence[int], started: Sequence[subprocess.Popen[bytes]]) -> None:
    """Exit with the code of the main process, which has printed why; if it could not, raise `RunError`."""
    codes = [process.returncode for process in started]
    if not _is_silent(codes[0]):
        sys.exit(codes[0])
    rank = next((rank for rank in ended if codes[rank] not in (0, LOST)), 0)
    how = f"was killed by {signal.Signals(-codes[rank]).name}" if codes[rank] < 0 else "has failed"
    raise RunError(
        f"process {rank} of {len(codes)} {how}. The checkpoints already written are kept. "
        f"{Commands(len(codes)).resume(folder)}"
    )


def _free_port() -> int:
    """Return the number of a port that no process listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
