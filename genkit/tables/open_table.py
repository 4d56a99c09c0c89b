"""A table file that was opened: its plans, its kept results, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from genkit.recipe.text.shipped import shipped_table
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.planning import dry_run_cells, experiments_of
from genkit.tables.read_table import read_table
from genkit.tables.results_file import ResultsFile
from genkit.tables.results_table import ResultsTable
from genkit.tables.selection import select_experiments, selected_by_default
from genkit.tables.train_missing import RunSettings, missing, train_missing


class OpenTable:
    """A table with the experiments that it asks for and its results file.

    `path` is the table file, or the name of a shipped table. `results` is the path of the results file; by default the
    table file with the ending ``.json``. The default for a shipped table is a file in the working folder, which begins
    with the shipped results. Raises `UsageError` with all mistakes of the table and of its recipes.
    """

    def __init__(self, path: Path, results: Path | None = None):
        shipped = shipped_table(path)
        self.path, self._given = shipped or path, path
        self.spec = read_table(self.path)
        self.experiments = experiments_of(self.spec, self.path)
        if shipped and results is None:
            self.results_file = ResultsFile(Path(f"{shipped.stem}.json"), shipped.name, shipped.with_suffix(".json"))
        else:
            self.results_file = ResultsFile(results or path.with_suffix(".json"), self.path.name)

    @cached_property
    def kept(self) -> dict[str, CellResult]:
        """The kept results by experiment, such as ``C1/vae/0``. Raises `UsageError`."""
        return self.results_file.read()

    def select(self, patterns: Sequence[str] | None) -> list[Experiment]:
        """Return the experiments that match a pattern; without patterns, those of all rows without requirements.

        Raises `UsageError` for a pattern that matches nothing.
        """
        if patterns:
            return select_experiments(self.experiments, patterns)
        return selected_by_default(self.experiments, self.spec)

    def train(self, experiments: Sequence[Experiment], settings: RunSettings) -> list[str]:
        """Train and measure those of the experiments that have no current result, and return their errors.

        A dry run of each cell comes first. Raises `UsageError` and `Interrupted`.
        """
        lacking = missing(experiments, self.kept)
        if not lacking:
            return []
        selected = " selected" * (len(experiments) < len(self.experiments))
        settings.console.info(
            f"{len(lacking)} of {len(experiments)}{selected} run{'s' * (len(experiments) != 1)} "
            f"{'has' if len(lacking) == 1 else 'have'} no current result. Those that are not finished in "
            f"{settings.runs}/ train now, {settings.jobs} at a time."
            + f" `genkit table show {self._given}` prints the others."
            * (len(missing(self.experiments, self.kept)) < len(self.experiments))
        )
        dry_run_cells(lacking, self.path)
        errors = train_missing(lacking, self.results_file, settings)
        self.kept = self.results_file.read()
        return errors

    def results(self) -> ResultsTable:
        """Return the table with its kept results, ready to print."""
        return ResultsTable.of(self.spec, self.experiments, self.kept)
