"""Hand the same command over to HF Accelerate, which starts it on several processes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.plan import Plan


def launch_if_several(plan: Plan, processes: int) -> None:
    """Replace this process by the launcher of `processes` copies of its command; return where that has been done.

    The plan is made before, so that a mistake is told once, and with exit code 2. Raises `UsageError` where the batch
    does not divide.
    """
    if processes == 1 or "WORLD_SIZE" in os.environ:
        return
    from genkit.engine.feed import check_division

    check_division(plan, processes)
    # `--multi_gpu` also where there is no GPU: `--cpu` would start one process and say nothing. genkit's own World
    # then chooses the device.
    arguments = ["--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
    arguments += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments, "-m", "genkit", *sys.argv[1:]]
    sys.stdout.flush()
    os.execv(sys.executable, command)
