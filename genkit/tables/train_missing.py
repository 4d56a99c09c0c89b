"""Bringing a table up to date: what is kept stays, finished runs are read, partial ones go on, and the others begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

from genkit.console.output import Console
from genkit.errors import Diverged, UsageError
from genkit.evaluation.evaluate import Result, read_results
from genkit.runs.evaluate_trained import evaluate_run
from genkit.runs.load import facts_of
from genkit.runs.run_folder import RunFolder
from genkit.storage.os_errors import describe_os_error
from genkit.tables.experiment import Experiment
from genkit.tables.jobs import LOG, Job, bring_to_end
from genkit.tables.jobs_progress import JobsProgress
from genkit.tables.results_file import CellResult, ResultsFile


@dataclass(frozen=True)
class RunSettings:
    """Where and how runs are made."""

    runs: Path
    jobs: int
    threads: int
    console: Console


def missing(experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[Experiment]:
    """Return the experiments whose results are not kept, or were kept of another recipe or protocol."""
    return [each for each in experiments if str(each) not in kept or not kept[str(each)].serves(each)]


def train_missing(experiments: Sequence[Experiment], results_file: ResultsFile, settings: RunSettings) -> list[str]:
    """Train and measure these experiments, keep each as soon as it is done, and return what went wrong otherwise.

    Raises `Interrupted` once every run has saved, and `UsageError` where nothing can be written.
    """
    _check_writable(results_file.path.parent, "Give another file with --cells.")
    _check_writable(settings.runs, "Choose another with --runs.")
    troubles: list[str] = []
    groups: dict[str, list[Experiment]] = {}  # cells that ask for one training share its run
    for experiment in experiments:
        groups.setdefault(experiment.run, []).append(experiment)

    def keep(group: Sequence[Experiment], folder: RunFolder, failure: str = "") -> None:
        for experiment in group:
            try:
                kept = collect_results(experiment, folder, settings.threads, failure)
            except UsageError as error:
                remedy = f"Without the folder {folder.path}, the same command trains it anew."
                troubles.append(f"{experiment}: {error} {remedy}")
                continue
            try:
                results_file.add(str(experiment), kept)
            except UsageError as error:
                troubles.append(f"{experiment}: {error}")

    unfinished: dict[str, RunFolder] = {}
    for run, group in groups.items():
        try:
            group[0].plan.check_met()
            folder = group[0].folder(settings.runs)
        except UsageError as error:
            troubles.append(f"{group[0]}: {error}")
            continue
        if folder.finished:
            keep(group, folder)
        else:
            unfinished[run] = folder

    with JobsProgress(settings.console, {run: groups[run][0] for run in unfinished}) as board:
        for job in bring_to_end(list(unfinished.values()), settings.jobs, settings.threads, board.show):
            group = groups[job.folder.path.name]
            code = job.process.returncode
            board.ended(job)
            if code in (0, Diverged.exit_code):
                keep(group, job.folder, "" if code == 0 else _failure(job))
            else:
                troubles.append(f"{group[0]}: {_why(job)}")
    return troubles


def collect_results(experiment: Experiment, folder: RunFolder, threads: int, failure: str = "") -> CellResult:
    """Return what is to be kept of a run; a number that it has not, or made by another protocol, is made now."""
    results: dict[str, Result] = {}
    made_with = {"threads": threads}
    if not failure:
        facts = facts_of(folder.path)
        made_with |= {key: value for key, value in facts.items() if key not in ("sha256", "data_shape")}
        with suppress(UsageError):  # a damaged file: the numbers are computed again
            results = {result.label: result for result in read_results(folder.results)}
    kept = CellResult(experiment.run, experiment.fingerprint, experiment.recipe, results, failure, made_with)
    if kept.serves(experiment):
        return kept
    measured = evaluate_run(folder.path, experiment.plan, experiment.seed)
    return replace(kept, results={result.label: result for result in measured})


def _check_writable(folder: Path, remedy: str) -> None:
    """Raise `UsageError` if nothing can be written there: better now than after the first training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {describe_os_error(error, folder)}. {remedy}") from None


def _failure(job: Job) -> str:
    """Return why it cannot come to its end; where the run lies on this machine is nothing to keep."""
    return job.words.removeprefix("error: ").partition(" The run is ")[0]


def _why(job: Job) -> str:
    code = job.process.returncode
    if code < 0:
        return f"its process was killed by signal {-code}. What it saved is kept: the same command goes on."
    return f"{job.words.removeprefix('error: ')} ({job.folder.path / LOG})"
