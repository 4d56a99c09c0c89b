"""Weights that an evaluation is of: those that each metric asks for, or the same for all metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from genkit.core.metric import EvaluationProtocol
from genkit.errors import UsageError
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import Registry
from genkit.recipe.text.document import Document, KeyPath
from genkit.runs.trained_models.saved_model import ExportedModel, SavedModel
from genkit.storage.weights import check_which, no_ema_weights

KEY, OPTION = "weights", "--weights"


def check_weights(saved: SavedModel, weights: str) -> None:
    """Raise `UsageError` if a model does not have its "raw" or "ema" weights."""
    check_which(weights)
    if isinstance(saved, ExportedModel):
        if weights != saved.weights:
            raise UsageError(
                f"{saved.place}: exported with the {saved.weights} weights only. Leave out --weights, or export the "
                f"run with `genkit export RUN --weights {weights}`."
            )
    elif weights == "ema" and not saved.has_ema:
        raise no_ema_weights(saved.place)


def with_weights(document: Document, weights: str, registry: Registry) -> Document:
    """Return the document in which all metrics are of these weights.

    A key that ``--set`` has set stays, and so does a metric without the key, which may be of a plugin.
    """
    metrics = document.tables.get("metrics", {})
    if not isinstance(metrics, Mapping):
        return document  # the binding of the recipe reports it
    changed = {label: _named(table) for label, table in metrics.items()}
    labels = [label for label, table in changed.items() if _takes_weights(label, table, document, registry)]
    tables = {**metrics, **{label: {**changed[label], KEY: weights} for label in labels}}
    added: dict[KeyPath, str] = {("metrics", label, KEY): OPTION for label in labels}
    return replace(document, tables={**document.tables, "metrics": tables}, overrides={**document.overrides, **added})


def refuse_other_weights(saved: ExportedModel, protocols: Mapping[str, EvaluationProtocol]) -> None:
    """Raise `UsageError` if a metric is of weights that an exported folder does not have."""
    others = [label for label, protocol in protocols.items() if protocol.weights != saved.weights]
    if others:
        raise UsageError(
            f"{saved.place}: exported with the {saved.weights} weights only, but metrics are of the others: "
            f"{', '.join(others)}. Leave them out: --metrics names the metrics to compute."
        )


def _named(table: Any) -> Any:
    return {"use": table} if isinstance(table, str) else table


def _takes_weights(label: str, table: Any, document: Document, registry: Registry) -> bool:
    """Return whether a metric has the key and the user has not set it for this evaluation."""
    if not isinstance(table, Mapping):
        return False
    path = ("metrics", label, KEY)
    if KEY in table and any(path[:length] in document.overrides for length in range(1, len(path) + 1)):
        return False
    return {"raw", "ema"} <= set(_choices(table.get("use", label), registry))


def _choices(name: Any, registry: Registry) -> Iterator[Any]:
    """Yield the values that the key `weights` of a metric takes; none if the metric is unknown or has no such key."""
    try:
        parameter = parameters_of(registry.find("metrics", str(name)).load()).get(KEY)
    except (UsageError, TypeError, ValueError, NameError):
        return  # the binding of the recipe reports it
    if parameter is not None:
        yield from get_args(parameter.hint)
