"""The same command on several processes, started by the launcher of HF Accelerate."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.launched import announced_size, is_main_process
from genkit.runs.signals import heeded_signals

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan

# Environment variable with the file for the exit code of the main process: the launcher itself reports every failure
# as exit code 1 with a traceback.
EXIT_FILE = "GENKIT_EXIT_FILE"


def launch_if_several(plan: Plan, processes: int) -> None:
    """Run this command on several processes and exit with their exit code; return at once in each of them, or for one.

    The plan is made before, so that a mistake is reported once. Raises `UsageError` if the batch size is not divisible,
    or if WORLD_SIZE is no number.
    """
    if processes == 1 or announced_size() > 1:
        return
    from genkit.engine.batches import check_batch

    check_batch(plan, processes)
    # `--multi_gpu` also without a GPU: `--cpu` would silently start one process. genkit's World chooses the device.
    arguments = ["--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
    arguments += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments, "-m", "genkit", *sys.argv[1:]]
    if sys.stdout is not None:  # None if the standard output is closed
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        exit_file = Path(folder) / "exit"
        launcher = subprocess.Popen(command, env={**os.environ, EXIT_FILE: str(exit_file)})
        # The terminal sends Ctrl-C to every process, but SIGTERM reaches only this one. Wait until all have saved.
        for number in heeded_signals():
            ask = signal.SIG_IGN if number == signal.SIGINT else lambda number, frame: launcher.terminate()
            signal.signal(number, ask)
        code = launcher.wait()
        sys.exit(int(exit_file.read_text()) if exit_file.exists() else code)


def leave_exit_code(code: int) -> int:
    """Write `code` for the command that launched this process, and return the code to exit with."""
    if EXIT_FILE not in os.environ:
        return code
    if is_main_process():
        Path(os.environ[EXIT_FILE]).write_text(str(code))
    return 0  # the launcher must not report a failure of its own
