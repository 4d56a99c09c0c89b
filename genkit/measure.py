"""What is measured of a trained model afterwards: the metrics of its recipe, some of them, or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genkit.engine.weights import final_folder
from genkit.errors import UsageError, near_miss
from genkit.folder import RECIPE
from genkit.loading import facts_of
from genkit.plan import Plan, document_of, make_plan
from genkit.registry import Registry, load_registry
from genkit.toml import Document


def measuring_plan(path: Path, overrides: Sequence[str] = (), names: Sequence[str] = ()) -> Plan:
    """Return the plan of a finished run, or of a final folder, with the metrics that are asked for.

    `names` are labels of the recipe, with the `overrides` of ``--set``, or else metrics with their defaults; without
    any, they are all that the recipe has. Raises `UsageError` for what is no trained model and for unknown names.
    """
    facts_of(path)
    registry = load_registry()
    document = document_of(final_folder(path) / RECIPE, overrides)
    # What was evaluated on the way, of labels that may not be asked for now, is no matter here.
    tables = {key: table for key, table in document.tables.items() if key != "evaluate"}
    if names:
        tables["metrics"] = _chosen(names, document, registry)
    return make_plan(replace(document, tables=tables), registry=registry)


def _chosen(names: Sequence[str], document: Document, registry: Registry) -> dict[str, Any]:
    there = document.tables.get("metrics", {})
    labelled: Mapping[str, Any] = there if isinstance(there, Mapping) else {}
    known = {part.entry.name for part in registry.of_kind("metrics")} | labelled.keys()
    for name in names:
        if name not in known:
            raise UsageError(
                f'--metrics {name}: the recipe labels no metric "{name}", and none is called so.'
                f"{near_miss(name, known)}"
            )
    return {name: labelled.get(name, {}) for name in names}
