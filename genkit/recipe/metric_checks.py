"""Checks of the metrics of a recipe against its data, its EMA weights and its evaluations during training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from genkit.core.dataset import Dataset
from genkit.core.metric import EvaluationProtocol, Metric
from genkit.near_miss import near_miss
from genkit.recipe.binding.bind_recipe import BoundParts
from genkit.recipe.checks import Finding
from genkit.recipe.tables import Evaluate, Recipe
from genkit.storage.weights import NO_EMA_WEIGHTS


def check_split(label: str, protocol: EvaluationProtocol, data: Dataset) -> Iterator[Finding]:
    """Check that the data set has the split that a metric reads."""
    splits = dict.fromkeys((data.split, data.held_out().split))
    if protocol.split not in splits:
        names = " and ".join(f'"{split}"' for split in splits)
        yield Finding(("metrics", label), f'the data set has no split "{protocol.split}", only {names}.')


def check_ema(recipe: Recipe, protocols: Mapping[str, EvaluationProtocol]) -> Iterator[Finding]:
    """Check that a run has the EMA weights that a metric reads."""
    for label, protocol in protocols.items():
        if protocol.weights == "ema" and recipe.ema is None:
            yield Finding(("metrics", label, "weights"), NO_EMA_WEIGHTS)


def check_evaluate(bound: BoundParts) -> Iterator[Finding]:
    """Check that [evaluate] names metrics of the recipe, and that one of them can decide which step is best."""
    evaluate = None if bound.recipe is None else bound.recipe.evaluate
    if evaluate is None:
        return
    metrics, best = bound.metrics, evaluate.best
    if not metrics:
        yield Finding(("evaluate",), "no effect: the recipe has no metrics. Add [metrics.LABEL], or remove [evaluate].")
        return
    for key, labels in (("metrics", evaluate.metrics), ("best", () if best is None else (best,))):
        for label in labels:
            if label not in metrics:
                text = f'no metric labelled "{label}" in [metrics].{near_miss(label, metrics)}'
                yield Finding(("evaluate", key), text)
    metric = metrics.get(best) if best is not None else None
    if best is not None and metric is not None:
        yield from _check_best(bound, evaluate, best, metric)


def _check_best(bound: BoundParts, evaluate: Evaluate, best: str, metric: Metric) -> Iterator[Finding]:
    if evaluate.metrics and best not in evaluate.metrics:
        text = f'"{best}" is not evaluated during training. Add it to metrics of [evaluate].'
        yield Finding(("evaluate", "best"), text)
    if metric.better is None:
        text = f'"{best}" cannot decide which step is best: neither lower nor higher values of it are better.'
        yield Finding(("evaluate", "best"), text, bound.parts["metrics", best].owner)
