"""What is measured of a trained model afterwards: the metrics of its recipe, some of them, or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genkit.errors import UsageError, near_miss
from genkit.recipe.document import Document, KeyPath
from genkit.recipe.plan import Plan, document_of, make_plan
from genkit.recipe.registry import Registry, load_registry
from genkit.runs.load import facts_of
from genkit.storage.names import RECIPE
from genkit.storage.weights import model_folder


def evaluation_plan(path: Path, overrides: Sequence[str] = (), names: Sequence[str] | None = None) -> Plan:
    """Return the plan of a finished run, or of a final folder, with the metrics that are asked for.

    `names` are labels of the recipe, with the `overrides` of ``--set``, or else metrics with their defaults; None
    means all that the recipe has. Raises `UsageError` for what is no trained model, for no names and for unknown ones.
    """
    facts_of(path)
    registry = load_registry()
    document = document_of(model_folder(path) / RECIPE, overrides)
    # What was evaluated on the way, of labels that may not be asked for now, is no matter here.
    document = replace(document, tables={key: table for key, table in document.tables.items() if key != "evaluate"})
    if names is not None:
        document = _choose(names, document, registry)
    return make_plan(document, registry=registry, try_step=False)


def _choose(names: Sequence[str], document: Document, registry: Registry) -> Document:
    """Return the document with these metrics alone."""
    there = document.tables.get("metrics", {})
    labelled: Mapping[str, Any] = there if isinstance(there, Mapping) else {}
    known = {part.entry.name for part in registry.of_kind("metrics")} | labelled.keys()
    if not names:
        raise UsageError(f"--metrics: names no metric.{near_miss('', known)}")
    for name in names:
        if name not in known:
            raise UsageError(
                f'--metrics {name}: the recipe labels no metric "{name}", and none is called so.'
                f"{near_miss(name, known)}"
            )
    added: dict[KeyPath, str] = {("metrics", name): "--metrics" for name in names if name not in labelled}
    metrics = {name: labelled.get(name, {}) for name in names}
    return replace(document, tables={**document.tables, "metrics": metrics}, overrides={**document.overrides, **added})
