"""Training cells once more, beside what is kept of them, to see whether the numbers come out the same."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from genkit.errors import RunError, UsageError
from genkit.runs.run_folder import RunFolder
from genkit.tables.experiment import Experiment
from genkit.tables.results_file import ResultsFile
from genkit.tables.train_missing import RunSettings, missing, train_missing


def reproduce(experiments: Sequence[Experiment], results_file: ResultsFile, settings: RunSettings) -> None:
    """Train anew under ``again/`` of the run folder, and print old and new numbers.

    What is kept stays as it is. Raises `RunError` where a number differs or could not be made, and `UsageError` where
    nothing is kept to compare with.
    """
    kept = results_file.read()
    if lacking := missing(experiments, kept):
        raise UsageError(
            f"--again: {lacking[0]} is not kept, or was made with another recipe: there is nothing to compare with. "
            f"The same command without --again trains it. ({len(lacking)} of {len(experiments)} runs are such.)"
        )
    settings = replace(settings, runs=settings.runs / "again")
    for experiment in experiments:
        if (before := RunFolder(settings.runs / experiment.run)).finished:  # an earlier comparison, of that time's code
            shutil.rmtree(before.path)
    with TemporaryDirectory() as folder:
        second = ResultsFile(Path(folder) / "cells.json", results_file.table)
        troubles = train_missing(experiments, second, settings)
        made = second.read()

    rows, differing = [], 0
    for experiment in experiments:
        name = str(experiment)
        old, new = (records[name].results if name in records else {} for records in (kept, made))
        for label in experiment.plan.metrics:
            values = [results[label].value if label in results else None for results in (old, new)]
            same = values[0] == values[1]
            differing += not same
            rows.append((name, label, *map(_whole, values), "the same" if same else "differs"))
    settings.console.table("once more", ("run", "metric", "kept", "again", ""), rows)
    if troubles or differing:
        unlike = f"{differing} of {len(rows)} numbers differ from what is kept." if differing else ""
        raise RunError("\n".join([*troubles, unlike]).strip())


def _whole(value: float | None) -> str:
    return "none" if value is None else repr(value)
