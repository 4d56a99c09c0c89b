"""Main metric of a run: the one number that a list of runs shows.

It is the metric that decides the best weights, ``[evaluate] best``. Without that key it is the first metric that is
better if lower or if higher. The value is that after the last step; of a run that has not finished, of its newest
evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from genkit.errors import UsageError
from genkit.evaluation.protocol_lines import shown_weights, weights_note
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.json_tables import parse_json, table_of
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.regular_file import read_regular


@dataclass(frozen=True)
class MainMetric:
    """Value of the main metric of a run."""

    label: str
    value: float | None  # None if the metric was refused
    better: Literal["lower", "higher"] | None
    weights_note: str = ""  # which weights the value is of, if the pictures of the run are of others


def main_metric(folder: RunFolder, recipe: Mapping[str, Any], finished: bool) -> MainMetric | None:
    """Return the main metric of a run with this resolved recipe; None if it has none, or no value yet.

    Reads labels and values only, so it needs neither torch nor pydantic. Raises `UsageError` if a file is damaged.
    """
    shown = shown_weights(recipe)
    results = _final_results(folder, shown) if finished else _newest_results(folder, shown)
    evaluate = recipe.get("evaluate")
    best = evaluate.get("best") if isinstance(evaluate, Mapping) else None
    if best is None:
        return next((result for result in results if result.better is not None), None)
    return next((result for result in results if result.label == best), None)


def _final_results(folder: RunFolder, shown: str) -> Sequence[MainMetric]:
    try:
        return _read(parse_json(read_regular(folder.results)), shown)
    except ABSENT:
        return ()
    except OSError as error:
        raise unreadable(folder.results, error) from None
    except ValueError as error:
        raise UsageError(f"{folder.results}: damaged ({error}). Delete it and call `genkit resume`.") from None


def _newest_results(folder: RunFolder, shown: str) -> Sequence[MainMetric]:
    line = folder.evaluations.last()
    try:
        return () if line is None else _read(line.get("results"), shown)
    except ValueError as error:
        raise folder.evaluations.damaged(f"last line: {error}") from None


def _read(results: Any, shown: str) -> list[MainMetric]:
    if not isinstance(results, list):
        raise ValueError("expected a list of results")
    return [_one(table_of(facts, {"label": str}, {"better": str, "protocol": dict}), shown) for facts in results]


def _one(facts: dict[str, Any], shown: str) -> MainMetric:
    value, better = facts.get("value"), facts.get("better")
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise ValueError("value: expected a number")
    if better not in ("lower", "higher", None):
        raise ValueError("better: expected lower or higher")
    try:
        number = None if value is None else float(value)
    except OverflowError as error:  # an integer beyond all floats
        raise ValueError(f"value: {error}") from None
    weights = (facts.get("protocol") or {}).get("weights", shown)
    return MainMetric(facts["label"], number, better, weights_note(weights, shown))
