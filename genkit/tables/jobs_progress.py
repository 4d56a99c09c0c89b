"""Progress of several training runs: a bar for each on a terminal, else a line when a run ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genkit.console.output import Console
from genkit.console.output_width import is_terminal
from genkit.tables.experiment import Experiment
from genkit.tables.jobs import Job


class JobsProgress:
    """Shows the jobs at work. `experiments` are those that will run, by the name of their run folder.

    If they are not known in advance, `counted` is false: each is added before it starts, and no line says how many.
    """

    def __init__(self, console: Console, experiments: Mapping[str, Experiment], *, counted: bool = True):
        self._console, self._experiments, self._counted = console, experiments, counted
        self._done = 0
        live = is_terminal(console.rich) and not console.quiet and not console.silent
        live = live and (bool(experiments) or not counted)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console.rich) if live else None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> JobsProgress:
        """Show the bars."""
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the bars."""
        if self._bars:
            self._bars.stop()

    def show(self, jobs: Sequence[Job]) -> None:
        """Update the bars of the jobs at work."""
        for job in jobs if self._bars else ():
            assert self._bars is not None
            run = job.folder.path.name
            experiment = self._experiments[run]
            if run not in self._tasks:
                self._tasks[run] = self._bars.add_task(str(experiment), total=experiment.plan.steps)
            self._bars.update(self._tasks[run], completed=job.step)

    def ended(self, job: Job, outcome: str = "") -> None:
        """Remove the bar of a job that has ended, and print a line; its exit code says the outcome unless given."""
        run = job.folder.path.name
        self._done += 1
        if self._bars and run in self._tasks:
            self._bars.remove_task(self._tasks.pop(run))
        code = job.process.returncode
        outcome = outcome or ("trained" if code == 0 else f"ended with exit code {code}")
        count = f"{self._done} of {len(self._experiments)}  " if self._counted else ""
        self._console.info(f"{count}{self._experiments[run]}  {outcome}  {job.folder.path}")
