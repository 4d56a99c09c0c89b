"""Hand the same command over to HF Accelerate, which starts it on several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan

# Names the file in which the main process leaves its exit code: a launcher turns every code into 1 and a traceback.
EXIT_FILE = "GENKIT_EXIT_FILE"


def launch_if_several(plan: Plan, processes: int) -> None:
    """Run this command on several processes, and exit with their exit code; return where that has been done.

    The plan is made before, so that a mistake is told once. Raises `UsageError` where the batch does not divide.
    """
    if processes == 1 or "WORLD_SIZE" in os.environ:
        return
    from genkit.engine.batches import check_batch

    check_batch(plan, processes)
    # `--multi_gpu` also where there is no GPU: `--cpu` would start one process and say nothing. genkit's own World
    # then chooses the device.
    arguments = ["--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
    arguments += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments, "-m", "genkit", *sys.argv[1:]]
    sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        exit_file = Path(folder) / "exit"
        launcher = subprocess.Popen(command, env={**os.environ, EXIT_FILE: str(exit_file)})
        # The terminal sends Ctrl-C to all; a SIGTERM comes here alone. Either way wait until they have saved.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, frame: launcher.terminate())
        code = launcher.wait()
        sys.exit(int(exit_file.read_text()) if exit_file.exists() else code)


def leave_exit_code(code: int) -> int:
    """Leave `code` to the command that launched this process, and return what to exit with."""
    if EXIT_FILE not in os.environ:
        return code
    if os.environ.get("RANK", "0") == "0":
        Path(os.environ[EXIT_FILE]).write_text(str(code))
    return 0  # told already, so the launcher need not
