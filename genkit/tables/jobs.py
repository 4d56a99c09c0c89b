"""Several training runs at a time, each in a process with its own number of threads.

Each process is `genkit resume RUN`. It starts a new run, and continues one that was interrupted or killed.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from genkit.errors import Interrupted, UsageError
from genkit.runs.on_disk.run_folder import RunFolder
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
    def reason(self) -> str:
        """Why the process has failed, and what to do."""
        code = self.process.returncode
        if code < 0:
            return (
                f"its process was killed by signal {-code}. Its checkpoints are kept; repeat the command to continue."
            )
        return f"{self.message} ({self.folder.path / LOG})"

    @property
    def divergence(self) -> str:
        """Why training diverged, without the sentence at its end that names the run folder of this machine."""
        path = str(self.folder.path)
        sentences = self.message.partition(path)[0].rpartition(". ")
        return f"{sentences[0]}." if path in self.message and sentences[1] else self.message

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
    """Train all runs, `jobs` at a time, and yield each job when it ends; see `run_next_jobs`."""
    return run_next_jobs(partial(next, iter(folders), None), jobs, threads, watch)


def run_next_jobs(
    next_folder: Callable[[], RunFolder | None],
    jobs: int,
    threads: int,
    watch: Callable[[Sequence[Job]], None],
) -> Generator[Job]:
    """Train the runs that `next_folder` returns, `jobs` at a time, and yield each job when it ends.

    `next_folder` is called when there is room for a run; None means that there is none now. The end comes when there is
    none and all jobs have ended. `watch` receives the jobs at work, every `POLL` seconds. Raises `Interrupted` after
    Ctrl-C or SIGTERM, when every run has saved a checkpoint.
    """
    working = list[Job]()
    # The terminal sends a second Ctrl-C to the runs too, and they then stop at once.
    with stop_requested(hurry=False) as stopping:
        try:
            while True:
                while len(working) < jobs and (folder := next_folder()) is not None:
                    working.append(start_job(folder, threads))
                if not working:
                    return
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
