"""Runs beside each other: in what their recipes differ, how far they came, and which numbers can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from genkit.errors import UsageError
from genkit.evaluation.data_fingerprint import same_images
from genkit.evaluation.evaluate import Result, read_results
from genkit.recipe.document import read
from genkit.recipe.tables import WITHOUT_WEIGHT
from genkit.runs.checkpoint import ABOUT
from genkit.runs.evaluate_during_training import EvaluationRecord, evaluations_of
from genkit.runs.run_folder import RunFolder, step_of

ABSENT = "–"


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs, with what it has written."""

    name: str  # tells it from the others
    folder: RunFolder
    recipe: Mapping[str, Any]  # the resolved one
    lines: Sequence[Mapping[str, Any]]  # of its journal
    evaluated: Sequence[EvaluationRecord]  # on the way
    newest: EvaluationRecord | None  # its numbers at the end, or else the newest on the way

    @classmethod
    def read(cls, name: str, folder: RunFolder) -> ComparedRun:
        """Read what is there. Raises `UsageError` for what is damaged."""
        evaluated = evaluations_of(folder)
        newest = evaluated[-1] if evaluated else None
        if folder.finished:
            newest = EvaluationRecord(step_of(folder.final) or 0, read_results(folder.results))
        return cls(name, folder, read(folder.resolved).tables, folder.lines(), evaluated, newest)

    @property
    def progress(self) -> str:
        """How far it came, in words."""
        if self.folder.finished:
            return f"finished, step {step_of(self.folder.final)}"
        if not self.lines:
            return "unfinished, no step logged"
        last = self.lines[-1]
        share = f", {last['t']:.0%} of the run" if isinstance(last.get("t"), float) else ""
        saved = self.folder.saved_steps()
        return f"unfinished, step {last['step']}{share}, {f'saved at {saved[-1]}' if saved else 'never saved'}"

    @property
    def totals(self) -> dict[str, float]:
        """What each phase minimised, in the newest line that has it."""
        return {key: line[key] for line in self.lines for key in line if key.endswith("/total")}

    @cached_property
    def data_fingerprint(self) -> Mapping[str, Any]:
        """What its newest checkpoint keeps of its data; empty where there is none."""
        try:
            newest = self.folder.checkpoint(self.folder.saved_steps()[-1])
            return dict(json.loads((newest / ABOUT).read_text(encoding="utf-8"))["data"])
        except (OSError, IndexError, ValueError, KeyError, TypeError):
            return {}  # none was saved, or it is damaged, which a resume tells

    def has_the_data_of(self, other: ComparedRun, split: str) -> bool:
        """Tell whether a split is the same: by its images, wherever they lie, or else by all of [data]."""
        one, two = (run.recipe.get("data", {}) for run in (self, other))
        same = same_images(self.data_fingerprint, other.data_fingerprint, split)
        return one == two if same is None else same

    def metric(self, label: str) -> str:
        """Return the name of the metric that has a label."""
        return self.recipe.get("metrics", {}).get(label, {}).get("use", label)


@dataclass(frozen=True)
class MetricProtocol:
    """How a number was made: two that differ in any of this are not comparable."""

    label: str
    metric: str
    protocol: str
    data: str  # the first run that has the same split of them


@dataclass
class ComparisonRow:
    """A number of all runs that made it alike."""

    label: str
    metric: str
    protocol: str
    better: Literal["lower", "higher"] | None
    values: dict[str, float | None] = field(default_factory=dict)  # by run; None where it was refused
    steps: dict[str, int] = field(default_factory=dict)  # by run: after how many


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    runs: Sequence[ComparedRun]

    @cached_property
    def differences(self) -> dict[str, list[Any]]:
        """The values of each key that is not the same in all recipes, in the order of the runs; None: it is absent.

        Keys that decide the weights come first.
        """
        flat = [dict(_flat(run.recipe)) for run in self.runs]
        keys = sorted(dict.fromkeys(key for each in flat for key in each), key=_without_weight)
        values = {key: [each.get(key) for each in flat] for key in keys}
        return {key: row for key, row in values.items() if any(value != row[0] for value in row)}

    def data(self, run: ComparedRun, split: str) -> str:
        """Return the name of the first run that has the same data in a split."""
        return next(other.name for other in self.runs if run.has_the_data_of(other, split))

    def made(self, run: ComparedRun, result: Result) -> MetricProtocol:
        """Return how a number of a run was made."""
        data = self.data(run, result.protocol.split)
        return MetricProtocol(result.label, run.metric(result.label), str(result.protocol.comparable), data)

    @cached_property
    def rows(self) -> list[ComparisonRow]:
        """The numbers; those that were made in unlike ways stand in rows of their own, one below the other."""
        rows: dict[MetricProtocol, ComparisonRow] = {}
        for run in self.runs:
            for result in run.newest.results if run.newest else ():
                made = self.made(run, result)
                row = rows.setdefault(made, ComparisonRow(made.label, made.metric, made.protocol, result.better))
                row.values[run.name] = result.value
                row.steps[run.name] = run.newest.step if run.newest else 0
        labels = list(dict.fromkeys(row.label for row in rows.values()))
        return sorted(rows.values(), key=lambda row: labels.index(row.label))

    @cached_property
    def remarks(self) -> list[str]:
        """What a reader must know before comparing."""
        told = []
        splits = {result.protocol.split for run in self.runs for result in (run.newest.results if run.newest else ())}
        if any(len({self.data(run, split) for run in self.runs}) > 1 for split in splits or {"test"}):
            told.append("The runs have different data: no number of one can be compared with one of another data set.")
        for label in dict.fromkeys(row.label for row in self.rows):
            of_label = [row for row in self.rows if row.label == label]
            if len({(row.metric, row.protocol) for row in of_label}) > 1:
                told.append(f'"{label}" was made by unlike protocols: its rows cannot be compared with each other.')
        for run in self.runs:
            if not run.folder.finished:
                numbers = f"its numbers are of step {run.newest.step}" if run.newest else "it has no numbers yet"
                told.append(f"{run.name} is not finished: {numbers}. `genkit resume {run.folder.path}` goes on.")
        return told

    def evaluations(self) -> dict[MetricProtocol, dict[str, list[EvaluationRecord]]]:
        """Return the evaluations on the way by run, for each kind of number that runs made alike."""
        kinds: dict[MetricProtocol, dict[str, list[EvaluationRecord]]] = {}
        for run in self.runs:
            for one in run.evaluated:
                for result in one.results:
                    by_run = kinds.setdefault(self.made(run, result), {})
                    by_run.setdefault(run.name, []).append(EvaluationRecord(one.step, [result]))
        return kinds

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        runs = [
            {"name": run.name, "path": str(run.folder.path), "finished": run.folder.finished, "progress": run.progress,
             "totals": run.totals}
            for run in self.runs
        ]  # fmt: skip
        differences = {key: dict(zip(self.names, row, strict=True)) for key, row in self.differences.items()}
        metrics = [asdict(row) for row in self.rows]
        return {"runs": runs, "differences": differences, "metrics": metrics, "remarks": self.remarks}

    @property
    def names(self) -> list[str]:
        """How the runs are called."""
        return [run.name for run in self.runs]


def compare(paths: Sequence[Path]) -> Comparison:
    """Return the runs beside each other. Raises `UsageError` unless there are two runs at least, each given once."""
    folders = [RunFolder.open(path) for path in paths]
    resolved = [folder.path.resolve() for folder in folders]
    twice = [str(path) for path, place in zip(paths, resolved) if resolved.count(place) > 1]
    if twice:
        raise UsageError(f"{twice[0]}: is given twice; a run compared with itself tells nothing.")
    if len(folders) < 2:
        raise UsageError("a comparison needs two runs at least: genkit compare RUN RUN.")
    plain = [path.name for path in resolved]
    names = plain if len(set(plain)) == len(plain) else [str(path) for path in paths]
    return Comparison([ComparedRun.read(name, folder) for name, folder in zip(names, folders, strict=True)])


def _without_weight(key: str) -> bool:
    return key.split(".")[0] in WITHOUT_WEIGHT


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the keys of nested tables, ``train.steps``, with their values."""
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, value)]
    return flat
