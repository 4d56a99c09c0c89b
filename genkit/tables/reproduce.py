"""Reproduction of kept results: runs are trained a second time, and their numbers are compared with the kept ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from genkit.errors import RunError, UsageError
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.results_file import ResultsFile
from genkit.tables.train_missing import RunSettings, missing, train_missing


@dataclass(frozen=True)
class ReproducedNumber:
    """A kept number and its reproduction; None where there is no number."""

    experiment: str
    metric: str
    kept: float | None
    reproduced: float | None

    @property
    def equal(self) -> bool:
        """Whether both numbers are equal to the last digit."""
        return self.kept == self.reproduced

    def as_row(self) -> tuple[str, ...]:
        """Return it as text, with every digit."""
        numbers = ("none" if value is None else repr(value) for value in (self.kept, self.reproduced))
        return (self.experiment, self.metric, *numbers, "the same" if self.equal else "differs")


def reproduce(experiments: Sequence[Experiment], results_file: ResultsFile, settings: RunSettings) -> None:
    """Train experiments again in the folder ``again/`` of the run folders, and print kept and new numbers.

    The results file does not change. Raises `RunError` if a number differs or could not be computed, and `UsageError`
    if there is no current result to compare with.
    """
    kept = results_file.read()
    _check_kept(experiments, kept)
    reproduced, errors = _train_again(experiments, results_file.table, replace(settings, runs=settings.runs / "again"))
    comparisons = _compare(experiments, kept, reproduced)
    rows = [each.as_row() for each in comparisons]
    settings.console.table("reproduced", ("run", "metric", "kept", "reproduced", ""), rows)
    if different := sum(not each.equal for each in comparisons):
        errors = [*errors, f"{different} of {len(comparisons)} numbers differ from the kept results."]
    if errors:
        raise RunError("\n".join(errors))


def _check_kept(experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> None:
    if lacking := missing(experiments, kept):
        raise UsageError(
            f"{lacking[0]}: no kept result of its current recipe to compare with ({len(lacking)} of {len(experiments)} "
            "selected runs have none). Train it first, with `genkit table train`."
        )


def _train_again(
    experiments: Sequence[Experiment], table: str, settings: RunSettings
) -> tuple[dict[str, CellResult], list[str]]:
    """Train all experiments, and return their results and the errors of `train_missing`."""
    for experiment in experiments:
        folder = RunFolder(settings.runs / experiment.run)
        if folder.finished:  # from an earlier reproduction, maybe with another version of the code
            shutil.rmtree(folder.path)
    with TemporaryDirectory() as temporary:
        results_file = ResultsFile(Path(temporary) / "cells.json", table)
        errors = train_missing(experiments, results_file, settings)
        return results_file.read(), errors


def _compare(
    experiments: Sequence[Experiment], kept: Mapping[str, CellResult], reproduced: Mapping[str, CellResult]
) -> list[ReproducedNumber]:
    return [
        ReproducedNumber(str(each), label, _value(kept, each, label), _value(reproduced, each, label))
        for each in experiments
        for label in each.plan.metrics
    ]


def _value(runs: Mapping[str, CellResult], experiment: Experiment, label: str) -> float | None:
    run = runs.get(str(experiment))
    return run.results[label].value if run and label in run.results else None
