"""The numbers of a report: those of the newest evaluation, and where an earlier one was better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from genkit.core.metric import Metric, number_text
from genkit.core.result import EvaluationRecord, Result
from genkit.evaluation.protocol_lines import weights_note
from genkit.pages.chart import value_text


@dataclass(frozen=True)
class ShownMetric:
    """One number."""

    label: str
    value: str
    reason: str  # why there is no value; empty if there is one
    interval: str
    better: str
    weights: str = ""  # those of the value, if the pictures are of others
    best: str = ""  # the best value of the earlier evaluations and its step; empty if none was better


def metrics_of(
    newest: EvaluationRecord | None,
    evaluations: Sequence[EvaluationRecord],
    shown: str,
    metrics: Mapping[str, Metric] = MappingProxyType({}),
) -> list[ShownMetric]:
    """Return the numbers of the newest evaluation, each with a better one of the run, if there is one.

    Values are compared only if their protocols agree. `shown` are the weights of the pictures, "raw" or "ema".
    `metrics`, by label, say what a number is out of.
    """
    if newest is None:
        return []
    return [_metric(result, newest.step, evaluations, shown, metrics.get(result.label)) for result in newest.results]


def _metric(
    result: Result, step: int, evaluations: Sequence[EvaluationRecord], shown: str, metric: object
) -> ShownMetric:
    value = "refused" if result.value is None else number_text(result.value, metric, result.protocol)
    interval = "" if result.interval is None else " to ".join(map(value_text, result.interval))
    better = "" if result.better is None else f"{result.better} is better"
    best = _best_before(result, step, evaluations, metric)
    weights = weights_note(result.protocol.weights, shown)
    return ShownMetric(result.label, value, result.reason, interval, better, weights, best)


def _best_before(result: Result, step: int, evaluations: Sequence[EvaluationRecord], metric: object) -> str:
    if result.better is None or result.value is None:
        return ""
    sign = 1 if result.better == "lower" else -1
    earlier = [
        (sign * other.value, record.step)
        for record in evaluations
        for other in record.results
        if record.step < step and other.value is not None
        if (other.label, other.protocol) == (result.label, result.protocol)
    ]
    best, at = min(earlier, default=(sign * result.value, step))
    if best >= sign * result.value:
        return ""
    return f"{number_text(sign * best, metric, result.protocol)} after step {at}"
