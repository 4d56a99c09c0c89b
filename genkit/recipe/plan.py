"""A recipe's parts, bound together: everything that a run needs, and what it still lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from inspect import getmembers_static
from pathlib import Path
from typing import Any, NamedTuple

import torch

from genkit.core.metric import EvaluationProtocol, Extractor, Metric
from genkit.core.model import Model
from genkit.core.types import Dataset, Loss, Optimiser, Phase
from genkit.errors import RecipeError, UsageError, near_miss
from genkit.evaluation.data_fingerprint import data_fingerprint
from genkit.recipe.bind import Binder, Invalid, Key, labelled
from genkit.recipe.document import Document, KeyPath, read
from genkit.recipe.dry_run import DryRun, run_dry
from genkit.recipe.overrides import with_override
from genkit.recipe.registry import Part, Registry, load_registry
from genkit.recipe.tables import Recipe
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.weights import ABOUT, model_folder


@dataclass(frozen=True)
class Plan:
    """An assembled recipe. Nothing has been trained, read or written yet."""

    recipe: Recipe
    data: Dataset
    loss: Loss
    phases: tuple[Phase, ...]
    optimisers: Mapping[str, Optimiser]  # by child
    metrics: Mapping[str, Metric]  # by label
    dry_run: DryRun  # what one step is made of
    model_target: Callable[..., Model]
    model_arguments: Mapping[str, Any]
    document: Document
    resolved: Mapping[str, Any]  # the recipe with every default, as TOML tables
    keys: tuple[Key, ...]  # where each of them came from
    parts: Mapping[KeyPath, Part]  # which part each table became, and whose it is
    unmet: tuple[str, ...] = field(default=())  # what is absent here, with the remedy
    unmet_start: tuple[str, ...] = field(default=())  # what only a new run needs, and no resume

    def build_model(self) -> Model:
        """Construct the model, with torch's global generator as it stands."""
        return self.model_target(**self.model_arguments)

    @property
    def protocols(self) -> Mapping[str, EvaluationProtocol]:
        """How each metric will be made, by label."""
        return self.dry_run.protocols

    @property
    def steps(self) -> int:
        """How many steps the run has. Raises `UsageError` if they are epochs of data that are absent or never end."""
        train = self.recipe.train
        if train.steps is not None:
            return train.steps
        assert train.epochs is not None  # one of the two is given: Train says so
        return train.epochs * self.epoch("[train] epochs")

    def epoch(self, asked_by: str) -> int:
        """Return how many steps an epoch has. Raises `UsageError`, which names the key that asked, if it has none."""
        batch_size, size = self.recipe.train.batch_size, self.data.size
        if size is None:
            raise UsageError(f'{asked_by}: "{self.recipe.data.name}" never ends; give steps instead.')
        if size < batch_size:
            raise UsageError(too_large(batch_size, size))
        return max(size // batch_size, 1)

    @cached_property
    def data_fingerprint(self) -> Mapping[str, Any]:
        """What tells later that data are still these; reads them, once."""
        return data_fingerprint(self.data)

    @property
    def owners(self) -> list[str]:
        """A line for each part: its table, its name and who supplied it."""
        return [f"{'.'.join(path)}: {part.entry.name} ({part.owner})" for path, part in self.parts.items()]

    def check_met(self, *, resuming: bool = False) -> None:
        """Raise `UsageError` with everything that is absent for a new run, or for one that goes on."""
        if absent := self.unmet if resuming else self.unmet + self.unmet_start:
            raise UsageError("\n".join(absent))


def make_plan(
    source: Recipe | Document | Mapping[str, Any] | Path | str,
    *,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    try_step: bool = True,
) -> Plan:
    """Assemble a recipe: a TOML file, a `Recipe`, or its tables.

    `overrides` are those of ``--set``, such as ``"train.steps=500"``. `try_step` tries one step of every phase on
    shapes, seconds for a large network: without it the plan does not know what a step costs, and mistakes that only a
    step shows are left to the run. Raises `RecipeError` with all that is wrong.
    """
    return _Assembly(Binder(registry or load_registry(), document_of(source, overrides))).plan(try_step)


def document_of(source: Recipe | Document | Mapping[str, Any] | Path | str, overrides: Sequence[str] = ()) -> Document:
    """Return the tables that `make_plan` assembles. Raises `UsageError`."""
    if isinstance(source, (str, Path)):
        document = _read(Path(source))
    elif isinstance(source, Recipe):
        document = source.document()
    else:
        document = source if isinstance(source, Document) else Document(dict(source))
    for override in (overrides,) if isinstance(overrides, str) else overrides:
        document = with_override(document, override)
    return document


def _read(path: Path) -> Document:
    if (path / RESOLVED).is_file():
        raise UsageError(
            f"{path}: is a run folder, and no recipe. `genkit resume {path}` goes on with the run; "
            f"`genkit run {path / RECIPE}` begins another of its recipe."
        )
    return read(path)


class _Assembly:
    """Binds table after table, and goes on past a mistake so that all are found."""

    def __init__(self, binder: Binder):
        self.binder = binder

    def plan(self, try_step: bool) -> Plan:
        binder, tables = self.binder, self.binder.document.tables
        recipe = self._try(lambda: binder.construct(Recipe, binder.arguments(Recipe, tables, (), "a recipe"), ()))

        data = self._try(lambda: binder.part("datasets", tables["data"], ("data",)), "data")
        model = self._try(lambda: binder.prepare("models", tables["model"], ("model",), ("data_shape",)), "model")
        loss = self._try(lambda: binder.part("losses", tables["loss"], ("loss",)), "loss")
        optimisers = self._each("optimisers", "optimiser")
        metrics = self._each("metrics", "metrics")
        if data is None or model is None or loss is None:
            raise RecipeError(binder.problems)

        target, arguments = model
        arguments |= {"data_shape": tuple(data.shape)}
        dry_run = run_dry(
            binder, recipe, lambda: target(**arguments), loss, optimisers, metrics, data, try_step=try_step
        )
        if recipe is not None:
            _check_evaluations(binder, recipe, metrics)
        if binder.problems or recipe is None or dry_run is None:
            _add_unmet(binder, metrics)
            raise RecipeError(binder.problems)
        return Plan(
            recipe=recipe,
            data=data,
            loss=loss,
            phases=dry_run.phases,
            optimisers=optimisers,
            metrics=metrics,
            dry_run=dry_run,
            model_target=target,
            model_arguments=arguments,
            document=binder.document,
            resolved=binder.resolved(),
            keys=tuple(binder.keys),
            parts=dict(binder.used),
            unmet=tuple(
                dict.fromkeys(
                    (
                        *data.unmet(),
                        *data.held_out().unmet(),
                        *_unmet_batch(recipe, data),
                        *map(str, unmet_extractors(metrics)),
                        *_unmet_precision(recipe),
                    )
                )
            ),
            unmet_start=tuple(_unmet_start(recipe)),
        )

    def _try(self, bind: Callable[[], Any], table: str = "") -> Any:
        """Return what `bind` returns, or None where it fails (a table that is missing has been reported already)."""
        if table and table not in self.binder.document.tables:
            return None
        try:
            return bind()
        except Invalid:
            return None

    def _each(self, kind: str, table: str) -> dict[str, Any]:
        tables = self.binder.document.tables.get(table, {})
        if not isinstance(tables, Mapping):
            return {}
        bound = {}
        for name, inner in tables.items():
            bound[name] = self._try(partial(self.binder.part, kind, labelled(inner, name, table), (table, name)))
        return bound


def _check_evaluations(binder: Binder, recipe: Recipe, metrics: Mapping[str, Metric | None]) -> None:
    """Record what [evaluate] asks for that is not there, or cannot tell which step is best."""
    asked = recipe.evaluate
    if asked is None:
        return
    if not metrics:
        binder.problem(("evaluate",), "would do nothing: the recipe has no metric. [metrics.LABEL] adds one.")
        return
    for key, labels in (("metrics", asked.metrics), ("best", [asked.best] if asked.best is not None else [])):
        for label in labels:
            if label not in metrics:
                text = f'no metric of the recipe is labelled "{label}".{near_miss(label, metrics)}'
                binder.problem(("evaluate", key), text)
    best = metrics.get(asked.best) if asked.best is not None else None
    if best is not None and asked.metrics and asked.best not in asked.metrics:
        binder.problem(("evaluate", "best"), f'"{asked.best}" is not among metrics, which are evaluated; add it there.')
    if best is not None and best.better is None:
        text = f'of "{asked.best}" neither direction is better, so no step is best by it.'
        binder.problem(("evaluate", "best"), text, binder.used["metrics", str(asked.best)].owner)


def too_large(batch_size: int, size: int) -> str:
    """Say of a batch that the data do not fill it."""
    return (
        f"[train] batch_size = {batch_size} is more than the {size} samples of the data set. Set train.batch_size to "
        f"{size} at most."
    )


def _unmet_batch(recipe: Recipe, data: Dataset) -> Iterator[str]:
    if not data.unmet() and data.size is not None and data.size < recipe.train.batch_size:
        yield too_large(recipe.train.batch_size, data.size)


class MissingFile(NamedTuple):
    """What a table of the recipe lacks on this machine."""

    path: KeyPath
    text: str  # with the remedy

    def __str__(self) -> str:
        """Write it after the table that lacks it."""
        return f"[{'.'.join(self.path)}] {self.text}"


def _add_unmet(binder: Binder, metrics: Mapping[str, Metric | None]) -> None:
    """Tell of a metric that is refused what it lacks on this machine too: a plan, which could say so, there is not."""
    refused = {problem.place.path[:2] for problem in binder.problems}
    asked = {label: metric for label, metric in metrics.items() if metric and ("metrics", label) in refused}
    for lack in unmet_extractors(asked):
        binder.problem(lack.path, lack.text)


def unmet_extractors(metrics: Mapping[str, Metric]) -> Iterator[MissingFile]:
    """Yield what the extractors of these metrics lack."""
    for label, metric in metrics.items():
        part: Any = metric
        keys = {item.name for item in fields(part)}
        for name, extractor in getmembers_static(part, lambda member: isinstance(member, Extractor)):
            key = (name,) if name in keys else ()  # what the recipe names, or the metric brings along
            yield from (MissingFile(("metrics", label, *key), absent) for absent in extractor.unmet())


def _unmet_precision(recipe: Recipe) -> Iterator[str]:
    if recipe.train.precision == "fp16" and not torch.accelerator.is_available():
        yield '[train] precision = "fp16" needs an accelerator, and there is none here; use "fp32" or "bf16".'


def _unmet_start(recipe: Recipe) -> Iterator[str]:
    path = recipe.train.warm_start
    if path is not None and not (model_folder(path) / ABOUT).exists():
        yield f"[train] warm_start: {path.absolute()} is no finished run, and no final folder of one; give either."
