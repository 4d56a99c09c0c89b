"""Evaluation of a trained model: the metrics of its recipe, some of them, or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from genkit.core.metric import BatchNormMode, ParallelMap
from genkit.core.model import Model
from genkit.core.result import Result
from genkit.engine.distributed import World
from genkit.engine.led_by_main import led_by_main
from genkit.engine.malloc import keep_freed_memory
from genkit.errors import UsageError
from genkit.evaluation.batch_norm import norms_of
from genkit.evaluation.compute_metrics import evaluate, evaluated_objects
from genkit.near_miss import near_miss
from genkit.recipe.installed.registry import Registry, load_registry
from genkit.recipe.machine.missing import place_of_data, unmet_extractors
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.text.document import Document, KeyPath
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.placed import placing_errors
from genkit.runs.trained_models.evaluated_weights import check_weights, refuse_other_weights, with_weights
from genkit.runs.trained_models.load import load_saved
from genkit.runs.trained_models.saved_model import ExportedModel, find_model
from genkit.runs.trained_models.trained import check_data_shape, refuse_other_data

TABLES = ("metrics", "data", "seed")  # the tables of a recipe that an evaluation reads


def evaluation_plan(
    path: Path, overrides: Sequence[str] = (), names: Sequence[str] | None = None, weights: str | None = None
) -> Plan:
    """Return the plan of a run, or of a model folder, with the metrics to evaluate.

    `overrides` are those of ``--set``. `names` are labels of metrics in the recipe, or names of other metrics, which
    get their defaults; None means all metrics of the recipe. `weights`, "raw" or "ema", replace the key of all metrics
    that `overrides` do not set; None leaves it as it is, but the metrics of an exported folder are of its weights.

    Raises `UsageError` if `path` has no trained model or not these weights, and if `names` is empty or has an unknown
    name.
    """
    saved = find_model(path)
    if weights is not None:
        check_weights(saved, weights)
    elif isinstance(saved, ExportedModel):
        weights = saved.weights
    registry = load_registry()
    document = document_of(saved.recipe, overrides)
    # These are for training only, and may name metrics that are not evaluated now.
    kept = {key: table for key, table in document.tables.items() if key not in ("evaluate", "callbacks")}
    document = replace(document, tables=kept)
    if names is not None:
        document = _select_metrics(names, document, registry)
    if weights is not None:
        document = with_weights(document, weights, registry)
    return make_plan(document, registry=registry, try_step=False, trained=True)


def evaluate_run(
    path: Path, plan: Plan, seed: int, batch_norm: Sequence[BatchNormMode] = (), world: World | None = None
) -> list[Result]:
    """Return the plan's metrics of a run, model folder or exported folder, each in every mode of `batch_norm`.

    If `batch_norm` is empty, each metric uses its own mode. The processes of `world` share the work, and all of them
    return the results. Raises `UsageError` if data or weights are missing, if the data differ from those of the run,
    and if modes are given for a model without batch norm.
    """
    with placing_errors(plan.document):
        if world is None:
            return _evaluate(plan, _load(path, plan, batch_norm), seed, batch_norm, map)
        models = world.on_all(partial(_load, path, plan, batch_norm))
        do = partial(_evaluate, plan, models, seed, batch_norm)
        return led_by_main(world, do, lambda: evaluated_objects(plan.data, models.__getitem__))


def _load(path: Path, plan: Plan, batch_norm: Sequence[BatchNormMode]) -> Mapping[str, Model]:
    """Return the models to evaluate, by weights; "ema" are the raw ones if no metric asks for others."""
    _check_requirements(plan)
    saved = find_model(path)
    check_data_shape(path, saved, plan.data)
    refuse_other_data(path, saved, plan.data)
    keep_freed_memory()
    if isinstance(saved, ExportedModel):
        refuse_other_weights(saved, plan.protocols)
    raw = load_saved(saved, saved.weights if isinstance(saved, ExportedModel) else "raw")
    if batch_norm and not norms_of(raw):
        raise UsageError(f"{path}: the model has no batch norm, so --batch-norm has no effect. Leave it out.")
    of_ema = not isinstance(saved, ExportedModel) and any(
        protocol.weights == "ema" for protocol in plan.protocols.values()
    )
    return {"raw": raw, "ema": load_saved(saved, "ema") if of_ema else raw}


def _evaluate(
    plan: Plan,
    models: Mapping[str, Model],
    seed: int,
    batch_norm: Sequence[BatchNormMode],
    parallel_map: ParallelMap,
) -> list[Result]:
    modes: Sequence[BatchNormMode | None] = batch_norm or (None,)
    by_mode = [evaluate(plan.metrics, plan.data, models.__getitem__, seed, mode, parallel_map) for mode in modes]
    return [result for of_one_metric in zip(*by_mode, strict=True) for result in of_one_metric]


def _check_requirements(plan: Plan) -> None:
    """Raise `UsageError` if an evaluation lacks data or weights of extractors; it does not need what training needs."""
    data = (*plan.data.unmet(), *plan.data.held_out().unmet())
    if unmet := (*data, *map(str, unmet_extractors(plan.metrics)), *place_of_data(plan.data, data)):
        raise UsageError("\n".join(dict.fromkeys(unmet)))


def _select_metrics(names: Sequence[str], document: Document, registry: Registry) -> Document:
    """Return the document with these metrics only. Raises `UsageError` for unknown names, and if there is no name."""
    table = document.tables.get("metrics", {})
    labelled: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
    known = {part.entry.name for part in registry.of_kind("metrics")} | labelled.keys()
    if not names:
        raise UsageError(f"--metrics: no metric is named.{near_miss('', known)}")
    for name in names:
        if name not in known:
            raise UsageError(
                f'--metrics {name}: no metric "{name}" in the recipe, and no metric of that name is installed.'
                f"{near_miss(name, known)}"
            )
    added: dict[KeyPath, str] = {("metrics", name): "--metrics" for name in names if name not in labelled}
    metrics = {name: labelled.get(name, {}) for name in names}
    return replace(document, tables={**document.tables, "metrics": metrics}, overrides={**document.overrides, **added})
