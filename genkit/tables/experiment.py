"""The trainings that a table asks for: a recipe, what is set in it, and a seed each."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from genkit.errors import Place, Problem, RecipeError, UsageError, near_miss
from genkit.recipe.document import Document, read
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.registry import load_registry
from genkit.recipe.tables import WITHOUT_WEIGHT
from genkit.runs.run_folder import RunFolder
from genkit.storage.os_errors import describe_os_error
from genkit.tables.spec import Cell, TableSpec, cells_of

WITHOUT_EFFECT = (*WITHOUT_WEIGHT, "seed")  # a seed is told apart by name


@dataclass(frozen=True)
class Experiment:
    """One training: a cell of a table, and a seed."""

    cell: Cell
    seed: int
    plan: Plan  # of the cell, with the seed of its recipe; no step was tried

    def __str__(self) -> str:
        """Name it as the command line does."""
        return f"{self.cell}/{self.seed}"

    @property
    def recipe(self) -> dict[str, Any]:
        """All that decides the weights but the seed, with every default."""
        return {key: value for key, value in self.plan.resolved.items() if key not in WITHOUT_EFFECT}

    @property
    def fingerprint(self) -> str:
        """A digest of `recipe`: cells that ask for one training share its run."""
        text = json.dumps(self.recipe, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    @property
    def run(self) -> str:
        """The name of its run folder."""
        return f"{self.cell.recipe.stem}-{self.fingerprint}-s{self.seed}"

    def folder(self, runs: Path) -> RunFolder:
        """Return its run folder under `runs`, made if it is not there. Raises `UsageError`."""
        folder = RunFolder(runs / self.run)
        try:
            if not folder.resolved.is_file():
                folder.begin(self.plan.document, {**self.plan.resolved, "seed": self.seed}, self.plan.owners)
            there = tomllib.loads(folder.resolved.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(
                f"{folder.path}: cannot be made: {describe_os_error(error, folder.path)}. Choose another --runs."
            ) from None
        except ValueError as error:
            raise UsageError(f"{folder.resolved}: is damaged: {error}. Delete the folder, or move it away.") from None
        wanted = {**self.recipe, "seed": self.seed}
        if changed := differences(wanted, {key: value for key, value in there.items() if key not in WITHOUT_WEIGHT}):
            raise UsageError(
                f"{folder.resolved}: is not the recipe that the folder is named after: {'; '.join(changed)}. Delete "
                "the folder, or move it away."
            )
        return folder


def experiments_of(table: TableSpec, path: Path) -> list[Experiment]:
    """Plan every cell of the table that `path` holds, for every seed. Raises `UsageError` with all that is wrong."""
    document = read(path)
    plans = _planned(cells_of(table, path), document, try_step=False)
    experiments = [Experiment(cell, seed, plan) for cell, plan in plans for seed in table.seeds]
    if unlike := [*_unlike_protocols(table, experiments, document)]:
        raise RecipeError(unlike)
    return experiments


def try_steps(experiments: Sequence[Experiment], path: Path) -> None:
    """Try a step of each on shapes, before hours of training. Raises `UsageError` with all that is wrong."""
    once = {str(each.cell): each.cell for each in experiments}  # its seeds take the same steps
    _planned(once.values(), read(path), try_step=True)


def _planned(cells: Iterable[Cell], document: Document, *, try_step: bool) -> list[tuple[Cell, Plan]]:
    registry = load_registry()
    plans: list[tuple[Cell, Plan]] = []
    problems: dict[str, list[str]] = {}  # what is wrong, and in which cells
    for cell in cells:
        try:
            plan = make_plan(cell.recipe, overrides=cell.overrides, registry=registry, try_step=try_step)
        except RecipeError as error:
            for problem in error.problems:
                problems.setdefault(str(_placed(problem, cell, document)), []).append(str(cell))
        except UsageError as error:
            place = document.place(("columns", cell.column, "recipe"))
            problems.setdefault(f"{place}: {error}", []).append(str(cell))
        else:
            plans.append((cell, plan))
    if problems:
        raise UsageError("\n".join(f"{problem} In {_some(each)}." for problem, each in problems.items()))
    return plans


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _placed(problem: Problem, cell: Cell, document: Document) -> Problem:
    """Say where in the table a problem was written, if it was written there."""
    if problem.place.file != "--set":
        return problem
    tables = (("rows", cell.row, "set"), ("columns", cell.column, "set"))
    paths = [(*table, *problem.place.path[:n]) for n in range(len(problem.place.path), 0, -1) for table in tables]
    written = next((path for path in paths if path in document.lines), None)
    if written is None:
        return problem
    remedy = ""
    if written[0] == "rows" and problem.text.startswith("unknown key"):
        remedy = f' A column whose recipe has no such key says: ignore = ["{".".join(written[3:])}"].'
    return replace(problem, place=Place(document.file, document.lines[written], written), text=problem.text + remedy)


def _unlike_protocols(table: TableSpec, experiments: Sequence[Experiment], document: Document) -> Iterator[Problem]:
    """Name metrics that no recipe has, and those that two recipes of one row make in two ways."""
    place = document.place(("metrics",))
    labels = {label for experiment in experiments for label in experiment.plan.metrics}
    for label in table.metrics:
        if label not in labels:
            yield Problem(place, f'no recipe of the table has a metric "{label}".{near_miss(label, labels)}')
        for row in table.rows:
            cells = [each for each in experiments if each.cell.row == row and label in each.plan.protocols]
            for one, other in pairwise(cells):
                if (its := _how(one.plan, label)) != (how := _how(other.plan, label)):
                    yield Problem(
                        place,
                        f'{one.cell} and {other.cell} make "{label}" by unlike protocols and cannot stand in one line: '
                        f"{its}; and {how}. Set [metrics.{label}] alike in both, or give one of them another label.",
                    )
                    break


def _how(plan: Plan, label: str) -> str:
    return f"{plan.recipe.metrics[label].name} of {plan.protocols[label].comparable}"


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Tell which keys of two resolved recipes differ, as ``loss.beta_kl 0.5 -> 0.3``."""
    found = []
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key, "absent"), other.get(key, "absent")
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key} {a} -> {b}")
    return found
