"""The results of a table on disk: a JSON file to be committed, which outlives the run folders.

    {"format": 1, "table": "table1.toml",
     "cells": {"C1/vae/0": {"run": ..., "recipe": DIGEST, "failure": "", "results": {LABEL: {...}}, "made_with": ...}},
     "recipes": {DIGEST: {...}}, "protocols": {DIGEST: {...}}}

What several cells share stands once. The file is read anew and replaced whole whenever a cell is added, under a lock:
two commands that train different cells of one table lose nothing to each other.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from genkit.errors import UsageError
from genkit.evaluation.data_fingerprint import same_images
from genkit.evaluation.evaluate import Result
from genkit.storage.os_errors import describe_os_error
from genkit.storage.weights import write_text
from genkit.tables.experiment import Experiment

FORMAT = 1


@dataclass(frozen=True)
class CellResult:
    """What is kept of one training."""

    run: str  # the name of its run folder
    digest: str  # of its recipe
    recipe: Mapping[str, Any]  # all that decides the weights but the seed
    results: Mapping[str, Result]  # by label; empty after a failure
    failure: str = ""  # why the run cannot come to its end
    made_with: Mapping[str, Any] = field(default_factory=dict)  # parts, versions, threads

    def trained_as(self, experiment: Experiment) -> bool:
        """Tell whether it is of the training that the table asks for now."""
        return self.recipe == experiment.recipe

    def measured_as(self, experiment: Experiment, label: str) -> bool:
        """Tell whether the metric is there, made as the table asks for now."""
        asked = experiment.plan.protocols[label]
        return label in self.results and self.results[label].protocol.comparable == asked.comparable

    def on_other_data(self, other: CellResult, split: str) -> bool:
        """Tell whether a split is unlike for the two, so that numbers that read it cannot be compared."""
        same = same_images(self.made_with.get("data", {}), other.made_with.get("data", {}), split)
        return self.recipe.get("data") != other.recipe.get("data") if same is None else not same

    def serves(self, experiment: Experiment) -> bool:
        """Tell whether it is all that the table asks for now: the same training, measured by the same protocols."""
        labels = experiment.plan.metrics
        return self.trained_as(experiment) and (
            bool(self.failure) or all(self.measured_as(experiment, label) for label in labels)
        )


@dataclass(frozen=True)
class ResultsFile:
    """Reads and adds to the kept results of one table."""

    path: Path
    table: str  # the name of the table's file

    def read(self) -> dict[str, CellResult]:
        """Return what is kept by experiment, ``C1/vae/0``. Raises `UsageError` for a file that is not this table's."""
        if not self.path.exists():
            return {}
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise UsageError(
                    f"{self.path}: has the format {content['format']}, and this genkit reads {FORMAT}. Use the genkit "
                    "that wrote it, or move it away: finished runs are read again from their folders."
                )
            if content["table"] != self.table:
                raise UsageError(
                    f"{self.path}: holds the results of {content['table']}, and {self.table} would write over them. "
                    f'Give another file with --cells; or, if it was renamed, write "table": "{self.table}" there.'
                )
            return {name: _kept(facts, content) for name, facts in content["cells"].items()}
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read: {describe_os_error(error, self.path)}.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = error if isinstance(error, ValueError) else "it does not hold what genkit table writes"
            raise UsageError(
                f"{self.path}: is damaged: {reason}. Take it from version control, or move it away: finished runs "
                "are read again from their folders."
            ) from None

    def add(self, name: str, kept: CellResult) -> None:
        """Write the results of one experiment, beside whatever others have written meanwhile. Raises `UsageError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock")):
                cells = {**self.read(), name: kept}
                write_text(self.path, json.dumps(self._content(cells), indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be written: {describe_os_error(error, self.path)}. "
                "Give another file with --cells."
            ) from None

    def _content(self, cells: Mapping[str, CellResult]) -> dict[str, Any]:
        recipes = {kept.digest: kept.recipe for kept in cells.values()}
        protocols: dict[str, Any] = {}
        plain = {}
        for name, kept in sorted(cells.items()):
            results = {}
            for label, result in kept.results.items():
                facts = result.as_dict()
                protocol = facts.pop("protocol")
                protocols[digest := _digest(protocol)] = protocol
                results[label] = {**facts, "protocol": digest}
            plain[name] = {
                "run": kept.run,
                "recipe": kept.digest,
                "failure": kept.failure,
                "results": results,
                "made_with": kept.made_with,
            }
        shared = {"recipes": dict(sorted(recipes.items())), "protocols": dict(sorted(protocols.items()))}
        return {"format": FORMAT, "table": self.table, "cells": plain, **shared}


def _kept(facts: Mapping[str, Any], content: Mapping[str, Any]) -> CellResult:
    results = {
        label: Result.from_dict({**result, "protocol": content["protocols"][result["protocol"]]})
        for label, result in facts["results"].items()
    }
    for label, result in results.items():
        if result.value is not None and not math.isfinite(result.value):
            raise ValueError(f"{label} is {result.value}")
    recipe = content["recipes"][facts["recipe"]]
    texts, tables = (facts["run"], facts["failure"]), (recipe, facts["made_with"])
    if not (all(isinstance(text, str) for text in texts) and all(isinstance(table, dict) for table in tables)):
        raise TypeError
    return CellResult(facts["run"], facts["recipe"], recipe, results, facts["failure"], facts["made_with"])


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=4).hexdigest()
