"""Plans of all runs that a table needs, with problems reported by their line in the table file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from genkit.errors import Place, Problem, RecipeError, UsageError
from genkit.near_miss import near_miss
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.text.document import Document, read
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.nested import flatten
from genkit.recipe.text.overrides import hint_if_absent
from genkit.tables.cells import Cell, cells_of, first_three
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec


def experiments_of(table: TableSpec, path: Path) -> list[Experiment]:
    """Plan every cell of a table for every seed. `path` is the table file.

    Raises `UsageError` with the problems of all cells.
    """
    document = read(path)
    plans = _plan_cells(cells_of(table, path), document, try_step=False)
    experiments = [Experiment(cell, seed, plan) for cell, plan in plans for seed in table.seeds]
    checks = (_unknown_metrics, _protocol_conflicts, _removals_without_effect)
    if problems := [problem for check in checks for problem in check(table, experiments, document)]:
        raise RecipeError(problems)
    return experiments


def dry_run_cells(experiments: Sequence[Experiment], path: Path) -> None:
    """Make a dry run of one training step of each cell. `path` is the table file.

    Raises `UsageError` with the problems of all cells.
    """
    cells = {str(each.cell): each.cell for each in experiments}  # one dry run covers all seeds
    _plan_cells(cells.values(), read(path), try_step=True)


def _plan_cells(cells: Iterable[Cell], document: Document, *, try_step: bool) -> list[tuple[Cell, Plan]]:
    registry = load_registry()
    plans: list[tuple[Cell, Plan]] = []
    cells_with: dict[str, list[str]] = {}  # the names of the cells that have a problem
    for cell in cells:
        try:
            plan = make_plan(cell.recipe, overrides=cell.overrides, registry=registry, try_step=try_step)
        except RecipeError as error:
            for problem in error.problems:
                cells_with.setdefault(str(_placed_in_table(problem, cell, document)), []).append(str(cell))
        except UsageError as error:
            place = document.place(("columns", cell.column, "recipe"))
            cells_with.setdefault(f"{place}: {error}", []).append(str(cell))
        else:
            plans.append((cell, plan))
    if cells_with:
        raise UsageError("\n".join(f"{problem} In {first_three(names)}." for problem, names in cells_with.items()))
    return plans


def _placed_in_table(problem: Problem, cell: Cell, document: Document) -> Problem:
    """Return the problem of an override with its place in the table file; other problems are returned unchanged."""
    if problem.place.file != "--set":
        return problem
    key = problem.place.path
    tables = (("rows", cell.row, "set"), ("columns", cell.column, "set"))
    candidates = [(*table, *key[:length]) for length in range(len(key), 0, -1) for table in tables]
    path = next((path for path in candidates if path in document.lines), None)
    if path is None:
        return problem
    remedy = ""
    if path[0] == "rows" and problem.text.startswith("unknown key"):
        remedy = f' Columns whose recipe has no such key need ignore = ["{".".join(path[3:])}"].'
    return replace(problem, place=Place(document.file, document.lines[path], path), text=problem.text + remedy)


def _unknown_metrics(table: TableSpec, experiments: Sequence[Experiment], document: Document) -> Iterator[Problem]:
    known = {label for experiment in experiments for label in experiment.plan.metrics}
    for label in table.metrics:
        if label not in known:
            text = f'no recipe of this table has a metric "{label}".{near_miss(label, known)}'
            yield Problem(document.place(("metrics",)), text)


def _protocol_conflicts(table: TableSpec, experiments: Sequence[Experiment], document: Document) -> Iterator[Problem]:
    """Find metrics that two cells of one row compute by different protocols; one line would mix their numbers."""
    for label in table.metrics:
        for row in table.rows:
            cells = [each for each in experiments if each.cell.row == row and label in each.plan.protocols]
            for one, other in pairwise(cells):
                protocols = _protocol(one.plan, label), _protocol(other.plan, label)
                if protocols[0] != protocols[1]:
                    text = (
                        f'{one.cell} and {other.cell} compute "{label}" by different protocols: {protocols[0]}; and '
                        f"{protocols[1]}. Give both the same [metrics.{label}], or rename the metric in one of them."
                    )
                    yield Problem(document.place(("metrics",)), text)
                    break


def _removals_without_effect(
    table: TableSpec, experiments: Sequence[Experiment], document: Document
) -> Iterator[Problem]:
    """Find keys that a row or a column removes, and that none of its recipes has: they are misspelt."""
    cells = {str(each.cell): each.cell for each in experiments}.values()
    recipes = {cell.recipe: document_of(cell.recipe).tables for cell in cells}
    for kind, specs in (("rows", table.rows), ("columns", table.columns)):
        for name, spec in specs.items():
            own = [cell for cell in cells if name == (cell.row if kind == "rows" else cell.column)]
            for key in [key for key, value in flatten(spec.set) if value == ""]:
                set_by_column = kind == "rows" and any(key in dict(flatten(table.columns[c.column].set)) for c in own)
                hints = [hint_if_absent(recipes[cell.recipe], tuple(key.split("."))) for cell in own]
                if hints and None not in hints and not set_by_column:
                    text = f"removes {key}, which none of its recipes has.{hints[0]}"
                    yield Problem(document.place((kind, name, "set", *key.split("."))), text)


def _protocol(plan: Plan, label: str) -> str:
    return f"{plan.recipe.metrics[label].name} of {plan.protocols[label].comparable}"
