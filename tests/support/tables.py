"""Results as a table keeps them, made up for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import Result
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.planning import experiments_of
from genkit.tables.read_table import read_table
from genkit.tables.results_table import ResultsTable


def experiments_in(path: Path) -> list[Experiment]:
    return experiments_of(read_table(path), path)


def made_up_result(value: float | None, label: str = "modes", **protocol: Any) -> Result:
    protocol = {"samples": 50, "split": "drawn", "weights": "raw", **protocol}
    return Result(label, value, "higher", EvaluationProtocol(**protocol))


def made_up_run(value: float | None, digest: str = "d1", **fields: Any) -> CellResult:
    """Return a run of a recipe that no table has."""
    return CellResult(f"run-{digest}", digest, {"loss": {"beta_kl": 0.5}}, {"modes": made_up_result(value)}, **fields)


def current_run(experiment: Experiment, value: float | None, **fields: Any) -> CellResult:
    """Return a run of the recipe and with the protocol that the table has, of the metric "modes"."""
    result = Result("modes", value, "higher", experiment.plan.protocols["modes"])
    recipe = experiment.recipe
    return CellResult(experiment.run, experiment.recipe_digest, recipe, {"modes": result}, **fields)


def results_table(path: Path, kept: dict[str, CellResult] | None = None) -> ResultsTable:
    """Return the table of a file, with kept results by experiment."""
    table = read_table(path)
    return ResultsTable.of(table, experiments_of(table, path), kept or {})
