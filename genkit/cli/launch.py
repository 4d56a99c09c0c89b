"""Hand the same command over to HF Accelerate, which starts it on several processes."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def launch(processes: int) -> NoReturn:
    """Replace this process by the launcher of `processes` copies of the command that was typed."""
    # `--multi_gpu` also where there is no GPU: `--cpu` would start one process and say nothing. genkit's own World
    # then chooses the device.
    arguments = ["--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
    arguments += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments, "-m", "genkit", *sys.argv[1:]]
    sys.stdout.flush()
    os.execv(sys.executable, command)
