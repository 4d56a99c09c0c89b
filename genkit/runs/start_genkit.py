"""Other processes of genkit, which a command starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

from genkit.launched import LAUNCHER


def start_genkit(
    *arguments: str, output: IO[bytes] | None = None, variables: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start ``genkit ARGUMENTS``, with these environment variables. Raises `OSError`.

    The process finds the modules that this one finds: `-m` alone would prefer those of the working folder, such as a
    `random.py` of the user. It saves and stops when this process ends (`genkit.launched.stop_with_launcher`).
    """
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    environment = {**os.environ, "PYTHONPATH": path, LAUNCHER: str(os.getpid()), **(variables or {})}
    command = [sys.executable, "-P", "-m", "genkit", *arguments]
    return subprocess.Popen(command, stdout=output, stderr=output, env=environment)
