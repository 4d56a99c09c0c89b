"""Collection of the result of a finished run: its numbers are read, and missing ones are computed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from genkit.core.result import Result
from genkit.errors import UsageError
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.evaluate_run import evaluate_run
from genkit.runs.trained_models.saved_model import facts_of
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment

NOT_KEPT = ("sha256", "data_shape")  # facts of the final folder that no result depends on


def collect_results(experiment: Experiment, folder: RunFolder, threads: int, failure: str = "") -> CellResult:
    """Return the result of a run; all metrics are computed if one is missing or has another protocol.

    `failure` is the reason why training cannot finish; such a run has no numbers. Raises `UsageError` if the final
    folder or the data cannot be read.
    """
    made_with: dict[str, Any] = {"threads": threads}
    if failure:
        return CellResult(experiment.run, experiment.recipe_digest, experiment.recipe, {}, failure, made_with)
    made_with |= {key: value for key, value in facts_of(folder.path).items() if key not in NOT_KEPT}
    results: dict[str, Result] = {}
    with suppress(UsageError):  # a damaged file: the numbers are computed again
        results = _by_label(read_results(folder.results))
    collected = CellResult(experiment.run, experiment.recipe_digest, experiment.recipe, results, made_with=made_with)
    if collected.is_current(experiment):
        return collected
    return replace(collected, results=_by_label(evaluate_run(folder.path, experiment.plan, experiment.seed)))


def _by_label(results: list[Result]) -> dict[str, Result]:
    return {result.label: result for result in results}
