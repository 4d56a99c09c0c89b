"""Training of the runs of a search, each as a process of `genkit resume`, as the runs of a table."""

from __future__ import annotations

import signal
from collections.abc import Generator, Sequence
from contextlib import closing

from genkit.core.result import EvaluationRecord
from genkit.errors import Diverged
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.tables.cell_result import CellResult
from genkit.tables.collect_results import collect_results
from genkit.tables.experiment import Experiment
from genkit.tables.jobs import Job, run_next_jobs
from genkit.tables.jobs_progress import JobsProgress
from genkit.tables.train_missing import RunSettings
from genkit.tuning.search import Ended, MustStop, NextRun


class ProcessTrainer:
    """Trains runs in processes. A run that has finished before, for a table or another search, is not trained again."""

    def __init__(self, settings: RunSettings):
        self._settings = settings
        self._begun: dict[str, Experiment] = {}  # by the name of the run folder
        self._stopped: set[str] = set()

    def evaluations(self, experiment: Experiment) -> Sequence[EvaluationRecord]:
        """Return the evaluations that a run has logged. Raises `UsageError` if the file is damaged."""
        return evaluations_of(RunFolder(self._settings.runs / experiment.run))

    def measured(self, experiment: Experiment) -> CellResult | None:
        """Return the result of a finished run; missing numbers are computed. Raises `UsageError`."""
        if not RunFolder(self._settings.runs / experiment.run).finished:
            return None
        folder = experiment.open_folder(self._settings.runs)
        return collect_results(experiment, folder, self._settings.threads)

    def train(self, next_run: NextRun, must_stop: MustStop) -> Generator[Ended]:
        """Train runs; see `genkit.tuning.search.Trainer`. Raises `Interrupted` after Ctrl-C, and `UsageError`."""
        settings = self._settings

        def next_folder() -> RunFolder | None:
            experiment = next_run()
            if experiment is None:
                return None
            self._begun[experiment.run] = experiment
            return experiment.open_folder(settings.runs)

        with JobsProgress(settings.console, self._begun, counted=False) as progress:

            def watch(jobs: Sequence[Job]) -> None:
                progress.show(jobs)
                for job in jobs:
                    self._stop_if_asked(job, must_stop)

            with closing(run_next_jobs(next_folder, settings.jobs, settings.threads, watch)) as jobs:
                for job in jobs:
                    run = job.folder.path.name
                    progress.ended(job, "stopped early" if run in self._stopped else "")
                    self._stopped.discard(run)
                    code = job.process.returncode
                    yield Ended(run, code, _message(job))

    def _stop_if_asked(self, job: Job, must_stop: MustStop) -> None:
        run = job.folder.path.name
        if run not in self._stopped and must_stop(self._begun[run]):
            self._stopped.add(run)
            job.process.send_signal(signal.SIGTERM)  # it saves a checkpoint, so `genkit resume` can train it to its end


def _message(job: Job) -> str:
    code = job.process.returncode
    if code < 0:
        return f"its process was killed by signal {-code}, as the system does when memory runs out."
    return job.divergence if code == Diverged.exit_code else job.reason if code else ""
