"""What a person sees while several runs train: a bar for each on a terminal, a line at each end elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genkit.console.output import Console
from genkit.tables.experiment import Experiment
from genkit.tables.jobs import Job


class JobsProgress:
    """Shows the jobs at work."""

    def __init__(self, console: Console, experiments: Mapping[str, Experiment]):
        self._console, self._experiments = console, experiments
        self._done = 0
        live = console.rich.is_terminal and not console.quiet and not console.silent and bool(experiments)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console.rich) if live else None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> JobsProgress:
        """Show the bars."""
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bars away."""
        if self._bars:
            self._bars.stop()

    def show(self, jobs: Sequence[Job]) -> None:
        """Move the bars of the jobs at work."""
        for job in jobs if self._bars else ():
            assert self._bars is not None
            run = job.folder.path.name
            experiment = self._experiments[run]
            if run not in self._tasks:
                self._tasks[run] = self._bars.add_task(str(experiment), total=experiment.plan.steps)
            self._bars.update(self._tasks[run], completed=job.step)

    def ended(self, job: Job) -> None:
        """Tell that a job has ended."""
        run = job.folder.path.name
        self._done += 1
        if self._bars and run in self._tasks:
            self._bars.remove_task(self._tasks.pop(run))
        how = "trained" if job.process.returncode == 0 else f"ended with exit code {job.process.returncode}"
        self._console.info(
            f"{self._done} of {len(self._experiments)}  {self._experiments[run]}  {how}  {job.folder.path}"
        )
