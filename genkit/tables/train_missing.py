"""Training of the runs that a table lacks: kept results stay, interrupted runs continue, other runs start.

The result of each run is kept as soon as it is available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from genkit.console.output import Console
from genkit.errors import Diverged, Unreadable, UsageError
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.os_errors import describe_os_error
from genkit.tables.cell_result import CellResult
from genkit.tables.collect_results import collect_results
from genkit.tables.experiment import Experiment
from genkit.tables.jobs import Job, run_jobs
from genkit.tables.jobs_progress import JobsProgress
from genkit.tables.results_file import ResultsFile


@dataclass(frozen=True)
class RunSettings:
    """Where runs are stored and how they are trained."""

    runs: Path  # the parent of the run folders
    jobs: int  # runs that train at a time
    threads: int  # of each run
    console: Console


def missing(experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[Experiment]:
    """Return the experiments without a current result."""
    return [each for each in experiments if str(each) not in kept or not kept[str(each)].is_current(each)]


def train_missing(experiments: Sequence[Experiment], results_file: ResultsFile, settings: RunSettings) -> list[str]:
    """Train and measure these experiments, keep their results, and return the errors of those that have none.

    A run that diverged has a result: its failure. Raises `Interrupted` when every run has saved a checkpoint, and
    `UsageError` if a folder is not writable.
    """
    _check_writable(results_file.path.parent, "Choose another file with --cells.")
    _check_writable(settings.runs, "Choose another folder with --runs.")
    update = _Update(experiments, results_file, settings)
    update.train(update.prepare())
    return update.errors


class _Update:
    """One update of a results file."""

    def __init__(self, experiments: Sequence[Experiment], results_file: ResultsFile, settings: RunSettings):
        self.results_file, self.settings = results_file, settings
        self.errors: list[str] = []
        self.sharing: dict[str, list[Experiment]] = {}  # by the name of the run folder that they share
        for experiment in experiments:
            self.sharing.setdefault(experiment.run, []).append(experiment)

    def prepare(self) -> dict[str, RunFolder]:
        """Keep the results of finished runs, and return the folders of the other runs, new ones included."""
        unfinished: dict[str, RunFolder] = {}
        for run, (experiment, *_) in self.sharing.items():
            try:
                experiment.plan.check_met()
                folder = experiment.open_folder(self.settings.runs)
            except UsageError as error:
                self.errors.append(f"{experiment}: {error}")
                continue
            if folder.finished:
                self.keep(folder)
            else:
                unfinished[run] = folder
        return unfinished

    def train(self, folders: Mapping[str, RunFolder]) -> None:
        """Train runs, and keep the result of each when it ends."""
        settings = self.settings
        with JobsProgress(settings.console, {run: self.sharing[run][0] for run in folders}) as progress:
            for job in run_jobs(list(folders.values()), settings.jobs, settings.threads, progress.show):
                progress.ended(job)
                self.keep_ended(job)

    def keep_ended(self, job: Job) -> None:
        """Keep the result of a job, or record its error."""
        code = job.process.returncode
        if code == 0:
            self.keep(job.folder)
        elif code == Diverged.exit_code:
            self.keep(job.folder, failure=job.divergence)
        else:
            self.errors.append(f"{self.sharing[job.folder.path.name][0]}: {job.reason}")

    def keep(self, folder: RunFolder, failure: str = "") -> None:
        """Write the result of a run into the results file, for each experiment that shares the run."""
        for experiment in self.sharing[folder.path.name]:
            try:
                result = collect_results(experiment, folder, self.settings.threads, failure)
            except UsageError as error:
                remedy = f" If you delete the folder {folder.path}, the same command trains this run again."
                self.errors.append(f"{experiment}: {error}" + remedy * (not isinstance(error, Unreadable)))
                continue
            try:
                self.results_file.add(str(experiment), result)
            except UsageError as error:
                self.errors.append(f"{experiment}: {error}")


def _check_writable(folder: Path, remedy: str) -> None:
    """Raise `UsageError` unless files can be written there, so that no training is lost later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {describe_os_error(error, folder)}. {remedy}") from None
