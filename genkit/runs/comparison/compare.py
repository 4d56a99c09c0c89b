"""Comparison of runs: the keys in which their recipes differ, and which of their results are comparable."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from genkit.core.result import EvaluationRecord, Result
from genkit.errors import UsageError
from genkit.evaluation.protocol_lines import shown_weights, weights_note
from genkit.recipe.tables import WITHOUT_WEIGHT
from genkit.recipe.text.nested import flatten
from genkit.runs.comparison.compared_metrics import (
    ComparisonRow,
    MetricProtocol,
    joint_labels,
    remarks_on_protocols,
)
from genkit.runs.comparison.compared_remarks import remarks_on_collapse
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.on_disk.not_a_run_folder import run_around
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.unfinished import way_on
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, CONFIG, RESOLVED

LABELLED = ("metrics", "callbacks")  # tables whose keys are labels of the user


@dataclass(frozen=True)
class Comparison:
    """Two or more runs side by side."""

    runs: Sequence[ComparedRun]

    @property
    def names(self) -> list[str]:
        """The names of the runs."""
        return [run.name for run in self.runs]

    @cached_property
    def differences(self) -> dict[str, list[Any]]:
        """The keys in which the recipes differ, with one value a run.

        The value is "default" where the recipe leaves out a key that its part has, and None where it has no such key.
        Keys that affect the weights come first. Of a metric or callback that a recipe lacks, there is the name only,
        and the keys in which the others differ.
        """
        recipes = [_keys_and_values(run.recipe) for run in self.runs]
        keys = sorted(dict.fromkeys(key for recipe in recipes for key in recipe), key=_has_no_effect_on_weights)
        values = {key: [_value_in(recipe, key, recipes) for recipe in recipes] for key in keys}
        return {
            key: row
            for key, row in values.items()
            if _differ(row)
            and _differ([value for value, recipe in zip(row, recipes, strict=True) if _asks(recipe, key)])
        }

    @cached_property
    def rows(self) -> list[ComparisonRow]:
        """The values of all metrics. Values that are not comparable are in different rows, one below the other."""
        joint = joint_labels([self._protocol_of(run, result) for result in run.results] for run in self.runs)
        rows: dict[MetricProtocol, ComparisonRow] = {}
        for run in self.runs:
            for result in run.results:
                protocol = _labelled(self._protocol_of(run, result), joint)
                new = ComparisonRow(protocol.labels, protocol.metric, protocol.protocol, result.better)
                row = rows.setdefault(protocol, new)
                row.values[run.name] = result.value
                row.weights_note = row.weights_note or weights_note(result.protocol.weights, shown_weights(run.recipe))
                row.steps[run.name] = run.newest.step if run.newest else 0
                if result.value is not None and result.interval is not None:
                    row.intervals[run.name] = result.interval
        labels = list(dict.fromkeys(label for row in rows.values() for label in row.labels))
        return sorted(rows.values(), key=lambda row: labels.index(row.labels[0]))

    @cached_property
    def remarks(self) -> list[str]:
        """The limits of the comparison: collapsed runs, different data, different protocols, unfinished runs."""
        lost = [f"{line}." for run in self.runs for line in run.lost_lines]
        return [
            *remarks_on_collapse(self.runs),
            *self._remarks_on_data(),
            *self.remarks_on_protocols,
            *self._remarks_on_progress(),
            *lost,
        ]

    @cached_property
    def remarks_on_protocols(self) -> list[str]:
        """For each label with values that are not comparable: what distinguishes them."""
        return remarks_on_protocols(self.rows)

    def evaluations(self) -> dict[MetricProtocol, dict[str, list[EvaluationRecord]]]:
        """Return the evaluations during training by run, for each kind of comparable value."""
        joint = joint_labels(
            [self._protocol_of(run, result) for record in run.evaluations for result in record.results]
            for run in self.runs
        )
        kinds: dict[MetricProtocol, dict[str, list[EvaluationRecord]]] = {}
        for run in self.runs:
            for record in run.evaluations:
                for result in record.results:
                    protocol = _labelled(self._protocol_of(run, result), joint)
                    labelled = replace(result, label=protocol.label)
                    by_run = kinds.setdefault(protocol, {})
                    by_run.setdefault(run.name, []).append(EvaluationRecord(record.step, [labelled]))
        return kinds

    def data_of(self, run: ComparedRun, split: str) -> str:
        """Return the name of the first run that has the same data as `run` in this split."""
        return next(other.name for other in self.runs if run.has_same_data(other, split))

    def _protocol_of(self, run: ComparedRun, result: Result) -> MetricProtocol:
        """Return how a result of a run was computed, under its own label."""
        data = self.data_of(run, result.protocol.split)
        return MetricProtocol((result.label,), run.metric_of(result.label), str(result.protocol.comparable), data)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as values for JSON."""
        runs = [run.as_dict() for run in self.runs]
        differences = {key: dict(zip(self.names, row, strict=True)) for key, row in self.differences.items()}
        metrics = [{"label": row.label, **asdict(row), "labels": list(row.labels)} for row in self.rows]
        return {"runs": runs, "differences": differences, "metrics": metrics, "remarks": self.remarks}

    def _remarks_on_data(self) -> Iterator[str]:
        splits = {result.protocol.split for run in self.runs for result in run.results} or {"test"}
        if any(len({self.data_of(run, split) for run in self.runs}) > 1 for split in splits):
            yield "The runs have different data. Values that were computed on different data are not comparable."

    def _remarks_on_progress(self) -> Iterator[str]:
        for run in self.runs:
            if not run.folder.finished:
                values = f"its values are from step {run.newest.step}" if run.newest else "it has no values yet"
                yield f"{run.name} is not finished: {values}. {way_on(run.folder)}"


def _labelled(own: MetricProtocol, joint: Mapping[MetricProtocol, tuple[str, ...]]) -> MetricProtocol:
    """Return the protocol with all labels that the runs have for such a number."""
    return replace(own, labels=joint.get(own, own.labels))


def compare(paths: Sequence[Path]) -> Comparison:
    """Return the comparison of the runs in these folders.

    Raises `UsageError` for fewer than two runs, for a model without a run folder, if a run is given twice, and if a
    file of a run is damaged.
    """
    for path in paths:
        _refuse_model(path)
    folders = [RunFolder.open(path) for path in paths]
    resolved = [folder.path.resolve() for folder in folders]
    repeated = [str(path) for path, place in zip(paths, resolved) if resolved.count(place) > 1]
    if repeated:
        raise UsageError(f"{repeated[0]}: given twice. Compare two different runs.")
    if len(folders) < 2:
        raise UsageError("genkit compare: needs at least two runs: genkit compare RUN RUN.")
    short = [path.name for path in resolved]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    return Comparison([ComparedRun.read(name, folder) for name, folder in zip(names, folders, strict=True)])


def _refuse_model(path: Path) -> None:
    """Raise `UsageError` for a model folder or an exported folder: there is nothing to compare before it is evaluated.

    The natural call is that of a run with its own model of another prior, so the error says how to compare these.
    """
    if exists(path / RESOLVED) or not (exists(path / ABOUT) or exists(path / CONFIG)):
        return
    run = run_around(path)
    others = "the other models" if run is None else f"the run: `genkit eval {shlex.quote(str(run))}`"
    raise UsageError(
        f"{path}: a model, without the logs and results that a comparison reads from runs. Compute its metrics with "
        f"`genkit eval {shlex.quote(str(path))}`, and those of {others}."
    )


def _keys_and_values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of nested tables, such as ``train.steps``, with their values; an empty table has no keys."""
    return {key: value for key, value in flatten(recipe) if not isinstance(value, Mapping)}


def _value_in(recipe: Mapping[str, Any], key: str, recipes: Sequence[Mapping[str, Any]]) -> Any:
    """Return the value of a key, "default" if the recipe has the part that takes the key, or else None.

    The recipe has that part if its innermost table around the key that has a `use` names the same part as in another
    recipe with the key.
    """
    if key in recipe:
        return recipe[key]
    if any(each.startswith(f"{key}.") or key.startswith(f"{each}.") for each in recipe):
        return None  # a number in one recipe, and a table in another
    names = key.split(".")
    around = [".".join((*names[:length], "use")) for length in range(len(names) - 1, 0, -1)]
    innermost = next((use for use in around if use in recipe), None)
    same = any(key in other and other.get(innermost) == recipe[innermost] for other in recipes) if innermost else False
    return "default" if same else None


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _asks(recipe: Mapping[str, Any], key: str) -> bool:
    """Return whether the recipe has the label of a key of a metric or callback; True for other keys, and for `use`."""
    table, _, rest = key.partition(".")
    label, _, inner = rest.partition(".")
    return table not in LABELLED or inner == "use" or f"{table}.{label}.use" in recipe


def _has_no_effect_on_weights(key: str) -> bool:
    return key.split(".")[0] in WITHOUT_WEIGHT
