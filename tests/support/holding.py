"""A training in another process that waits at a step for a signal, so that no test must be quicker than it.

A test that waits for a file of a run and then sends a signal is late on a busy machine: the run may have ended.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.commands import install, wait_for

CALLBACK = """\
import os, select, signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from genkit.api import Callback, Doc
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_callbacks():
    yield Entry("hold", "holding_callback:Hold", "", "")

@dataclass
class Hold(Callback):
    \"\"\"Wait after a step until a signal comes, if the folder HOLD exists.\"\"\"
    step: Annotated[int, Doc("The step.")] = 1

    def stepped(self, step):
        if step != self.step or not Path(os.environ["HOLD"]).exists():
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        before = signal.set_wakeup_fd(writing)
        Path(os.environ["HOLD"], str(os.getpid())).touch()
        select.select([reading], [], [])
        signal.set_wakeup_fd(before)
"""


class Holding:
    """Trainings that wait for a signal after a step, if `begin` was called before they come to it.

    Their recipe has the table that `at` returns.
    """

    def __init__(self, site: Path, patch: pytest.MonkeyPatch):
        self._held = site / "held"
        install(site, "genkit-torch-hold", "holding_callback", CALLBACK)
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("GENKIT_PLUGINS", "holding_callback")
        patch.setenv("HOLD", str(self._held))

    @staticmethod
    def at(step: int) -> str:
        """Return the table of a recipe that waits after this step."""
        return f'\n[callbacks.hold]\nuse = "hold"\nstep = {step}\n'

    def begin(self) -> None:
        """Let the next training wait."""
        self._held.mkdir()

    def wait(self, command: subprocess.Popen[str]) -> int:
        """Return the number of the process that waits, which `command` has started or is. No other waits after it."""
        wait_for(lambda: list(self._held.iterdir()) or command.poll() is not None)
        assert command.poll() is None, command.communicate()
        (process,) = self._held.iterdir()
        process.unlink()
        self._held.rmdir()
        return int(process.name)
