"""Several training runs at a time, each in a process with its own number of threads.

Each process is `genkit resume RUN`. It starts a new run, and continues one that was interrupted or killed.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from genkit.errors import Interrupted, UsageError
from genkit.runs.run_folder import RunFolder
from genkit.runs.signals import stop_requested
from genkit.runs.start_genkit import start_genkit
from genkit.storage.os_errors import describe_os_error

LOG = "output.log"  # in the run folder: the output of its processes
POLL = 0.5  # seconds between two checks of the processes
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ERROR = "error: "  # the start of an error message of genkit


@dataclass
class Job:
    """A process that trains one run."""

    folder: RunFolder
    process: subprocess.Popen[bytes]
    log_start: int  # the length of the log before this process wrote to it

    @property
    def step(self) -> int:
        """The last logged step; 0 if there is none."""
        try:
            return self.folder.lines()[-1]["step"]
        except (IndexError, OSError, UsageError):  # the run itself reports a damaged file
            return 0

    @property
    def message(self) -> str:
        """The error of the process without "error: ", or else the last line of its output."""
        output = (self.folder.path / LOG).read_bytes()[self.log_start :].decode(errors="replace")
        lines = [line.strip() for line in output.split("\n") if line.strip()] or ["it printed nothing"]
        return next((line for line in reversed(lines) if line.startswith(ERROR)), lines[-1]).removeprefix(ERROR)


def start_job(folder: RunFolder, threads: int) -> Job:
    """Start the process that trains a run. Raises `UsageError` if it cannot be started."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    try:
        with (folder.path / LOG).open("ab") as log:  # append, because a process of another command may be writing to it
            log_start = log.tell()
            process = start_genkit("resume", str(folder.path), "--quiet", output=log, variables=variables)
            return Job(folder, process, log_start)
    except OSError as error:
        raise UsageError(f"{folder.path}: cannot be trained: {describe_os_error(error, folder.path)}.") from None


def run_jobs(
    folders: Sequence[RunFolder],
    jobs: int,
    threads: int,
    watch: Callable[[Sequence[Job]], None],
) -> Iterator[Job]:
    """Train all runs, `jobs` at a time, and yield each job when it ends.

    `watch` receives the jobs at work, every `POLL` seconds. Raises `Interrupted` after Ctrl-C or SIGTERM, when every
    run has saved a checkpoint.
    """
    waiting, working = list(folders), list[Job]()
    # The terminal sends a second Ctrl-C to the runs too, and they then stop at once.
    with stop_requested(hurry=False) as stopping:
        try:
            while waiting or working:
                while waiting and len(working) < jobs:
                    working.append(start_job(waiting.pop(0), threads))
                watch(working)
                time.sleep(POLL)
                for job in [job for job in working if job.process.poll() is not None]:
                    working.remove(job)
                    if not stopping():
                        yield job
                if stopping():
                    raise Interrupted(
                        "stopped; the runs that had begun have saved a checkpoint. Repeat the command to continue."
                    )
        finally:
            for job in working:
                job.process.send_signal(signal.SIGTERM)  # the run saves and stops; a second signal does no harm
            for job in working:
                job.process.wait()
