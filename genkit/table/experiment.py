"""The trainings that a table asks for: a recipe, what is set in it, and a seed each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.folder import RunFolder
from genkit.plan import Plan, make_plan
from genkit.registry import load_registry
from genkit.table.spec import Cell, Table, cells_of

# What changes no weight: how a run is called, what is measured at its end, and what it tells and saves on its way.
WITHOUT_EFFECT = ("title", "metrics", "report", "checkpoint", "seed")


@dataclass(frozen=True)
class Experiment:
    """One training: a cell of a table, and a seed."""

    cell: Cell
    seed: int
    plan: Plan  # of the cell, with the seed of its recipe

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
        if not folder.resolved.is_file():
            try:
                folder.begin(self.plan.document, {**self.plan.resolved, "seed": self.seed}, self.plan.owners)
            except OSError as error:
                raise UsageError(f"{folder.path}: cannot be made: {error.strerror}. Choose another --runs.") from None
        return folder


def experiments_of(table: Table, path: Path) -> list[Experiment]:
    """Plan every cell of the table that `path` holds, for every seed. Raises `UsageError` with all that is wrong."""
    registry = load_registry()
    experiments, problems = [], []
    for cell in cells_of(table, path):
        try:
            plan = make_plan(cell.recipe, overrides=cell.overrides, registry=registry)
        except UsageError as error:
            problems.append(f"{path} {cell}: {error}")
            continue
        experiments += [Experiment(cell, seed, plan) for seed in table.seeds]
    if problems := problems or [*_unlike_protocols(table, experiments, path)]:
        raise UsageError("\n".join(problems))
    return experiments


def _unlike_protocols(table: Table, experiments: Sequence[Experiment], path: Path) -> Iterator[str]:
    """Name metrics that no recipe has, and those that two recipes make in two ways."""
    for label in table.metrics:
        makers = [experiment for experiment in experiments if label in experiment.plan.protocols]
        if not makers:
            yield f'{path} metrics: no recipe of the table has a metric "{label}".'
        for other in makers:
            if other.plan.protocols[label] != makers[0].plan.protocols[label]:
                yield (
                    f'{path} metrics: {makers[0].cell} and {other.cell} make "{label}" by unlike protocols, and cannot '
                    f"stand in one table: {makers[0].plan.protocols[label]}; {other.plan.protocols[label]}."
                )
                break


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
