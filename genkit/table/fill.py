"""Bringing a table up to date: what is kept stays, finished runs are read, partial ones go on, and the others begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.engine.evaluate import Result, read_results
from genkit.errors import Diverged, UsageError
from genkit.folder import RunFolder
from genkit.loading import evaluate_run, facts_of
from genkit.report.terminal import Voice
from genkit.table.board import Board
from genkit.table.experiment import Experiment
from genkit.table.jobs import Job, bring_to_end
from genkit.table.kept import Keeper, Kept


@dataclass(frozen=True)
class Workshop:
    """Where and how runs are made."""

    runs: Path
    jobs: int
    threads: int
    voice: Voice


def missing(experiments: Sequence[Experiment], kept: Mapping[str, Kept]) -> list[Experiment]:
    """Return the experiments whose results are not kept, or were kept of another recipe or protocol."""
    return [each for each in experiments if str(each) not in kept or not kept[str(each)].serves(each)]


def fill(experiments: Sequence[Experiment], keeper: Keeper, workshop: Workshop) -> list[str]:
    """Train and measure these experiments, keep each as soon as it is done, and return what went wrong otherwise.

    Raises `Interrupted` once every run has saved.
    """
    troubles: list[str] = []
    groups: dict[str, list[Experiment]] = {}  # cells that ask for one training share its run
    for experiment in experiments:
        groups.setdefault(experiment.run, []).append(experiment)

    def keep(group: Sequence[Experiment], folder: RunFolder, failure: str = "") -> None:
        for experiment in group:
            try:
                keeper.add(str(experiment), harvest(experiment, folder, workshop.threads, failure))
            except UsageError as error:
                troubles.append(f"{experiment}: {error}")

    unfinished: dict[str, RunFolder] = {}
    for run, group in groups.items():
        try:
            group[0].plan.check_met()
            folder = group[0].folder(workshop.runs)
        except UsageError as error:
            troubles.append(f"{group[0]}: {error}")
            continue
        if folder.finished:
            keep(group, folder)
        else:
            unfinished[run] = folder

    with Board(workshop.voice, {run: groups[run][0] for run in unfinished}) as board:
        for job in bring_to_end(list(unfinished.values()), workshop.jobs, workshop.threads, board.show):
            group = groups[job.folder.path.name]
            code = job.process.returncode
            board.ended(job)
            if code in (0, Diverged.exit_code):
                keep(group, job.folder, "" if code == 0 else job.words.removeprefix("error: "))
            else:
                troubles.append(f"{group[0]}: {_why(job)}")
    return troubles


def harvest(experiment: Experiment, folder: RunFolder, threads: int, failure: str = "") -> Kept:
    """Return what is to be kept of a run; a number that it has not, or made by another protocol, is made now."""
    results: dict[str, Result] = {}
    made_with = {"threads": threads}
    if not failure:
        facts = facts_of(folder.path)
        made_with |= {key: value for key, value in facts.items() if key not in ("sha256", "data_shape")}
        results = {result.label: result for result in read_results(folder.results)}
        protocols = experiment.plan.protocols
        if any(label not in results or results[label].protocol != protocols[label] for label in protocols):
            results = {result.label: result for result in evaluate_run(folder.path, experiment.plan, experiment.seed)}
    return Kept(experiment.run, experiment.fingerprint, experiment.recipe, results, failure, made_with)


def _why(job: Job) -> str:
    code = job.process.returncode
    if code < 0:
        return f"its process was killed by signal {-code}. What it saved is kept: the same command goes on."
    return f"{job.words} ({job.folder.path / 'output.log'})"
