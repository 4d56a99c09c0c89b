"""Several runs at a time, each a process of its own with its own number of threads.

A process is `genkit resume` of a folder that was begun here: a run that is new, one that was interrupted and one that
was killed are all the same to it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from genkit.errors import Interrupted, UsageError
from genkit.runs.run_folder import RunFolder
from genkit.runs.signals import stop_requested
from genkit.storage.os_errors import describe_os_error

LOG = "output.log"  # in the run folder: what its process has said
POLL = 0.5  # seconds between two looks at the processes
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Job:
    """A process that brings one run to its end."""

    folder: RunFolder
    process: subprocess.Popen[bytes]
    log_start: int  # where its words begin in the log, behind those of earlier processes

    @property
    def step(self) -> int:
        """The last step that it has logged."""
        try:
            return self.folder.lines()[-1]["step"]
        except (IndexError, OSError, UsageError):  # a damaged file is the run's own to tell of
            return 0

    @property
    def words(self) -> str:
        """Its error, or else the last line that it has said."""
        said = (self.folder.path / LOG).read_bytes()[self.log_start :].decode(errors="replace")
        lines = [line.strip() for line in said.split("\n") if line.strip()] or ["it said nothing"]
        return next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1])


def start(folder: RunFolder, threads: int) -> Job:
    """Start to bring a run to its end. Raises `UsageError` where nothing can be written."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    command = [sys.executable, "-m", "genkit", "resume", str(folder.path), "--quiet"]
    try:
        with (folder.path / LOG).open("ab") as log:  # another command's process may be writing: nothing is cut off
            return Job(folder, subprocess.Popen(command, stdout=log, stderr=log, env=environment), log.tell())
    except OSError as error:
        raise UsageError(f"{folder.path}: cannot be trained: {describe_os_error(error, folder.path)}.") from None


def bring_to_end(
    folders: Sequence[RunFolder],
    jobs: int,
    threads: int,
    watch: Callable[[Sequence[Job]], None],
) -> Iterator[Job]:
    """Bring all runs to their end, `jobs` at a time, and yield each job as it ends; `watch` sees those at work.

    Raises `Interrupted` after Ctrl-C or SIGTERM, once every run has saved.
    """
    waiting, working = list(folders), list[Job]()
    with stop_requested(hurry=False) as asked:  # a second Ctrl-C reaches the runs too, and they hurry
        try:
            while waiting or working:
                while waiting and len(working) < jobs:
                    working.append(start(waiting.pop(0), threads))
                watch(working)
                time.sleep(POLL)
                for job in [job for job in working if job.process.poll() is not None]:
                    working.remove(job)
                    if not asked():
                        yield job
                if asked():
                    raise Interrupted("stopped; what the runs have saved is kept. The same command goes on.")
        finally:
            for job in working:
                job.process.send_signal(signal.SIGTERM)  # which has a run save and stop; a second one does no harm
            for job in working:
                job.process.wait()
