"""The plan: a checked recipe with its parts, everything that a run needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from genkit.core.callback import Callback
from genkit.core.condition import ClassFacts, class_facts
from genkit.core.dataset import Dataset
from genkit.core.global_generators import restored_generators
from genkit.core.loss import Action, Loss, Phase, turns_of
from genkit.core.metric import EvaluationProtocol, Metric
from genkit.core.model import Model
from genkit.core.torch_defaults import standard_defaults
from genkit.core.types import Optimiser
from genkit.errors import RecipeError, UsageError
from genkit.evaluation.data_fingerprint import data_fingerprint
from genkit.recipe.binding.bind import Binder
from genkit.recipe.binding.bind_model import BoundModel
from genkit.recipe.binding.bind_recipe import BoundParts, BoundRecipe, bind_recipe
from genkit.recipe.binding.data_keys import data_keys
from genkit.recipe.callback_checks import check_callbacks, unmet_callbacks
from genkit.recipe.check_warm_start import check_warm_start
from genkit.recipe.checks import Finding, check_learning_rates
from genkit.recipe.installed.registry import Part, Registry, load_registry
from genkit.recipe.machine.missing import relative_paths, too_large, unmet_always, unmet_of_refused, unmet_start
from genkit.recipe.metric_checks import check_evaluate
from genkit.recipe.resolved import Key
from genkit.recipe.tables import Recipe
from genkit.recipe.text.document import Document, KeyPath, RecipeLike
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.placed import located_texts, placed
from genkit.recipe.trial.dry_run import run_dry
from genkit.recipe.trial.dry_run_facts import DryRun

OF_TRAINING = ("loss",)  # tables whose numbers decide the training, and nothing of a trained model


@dataclass(frozen=True)
class Plan:
    """A checked recipe. Nothing has been trained, read or written yet."""

    recipe: Recipe
    data: Dataset
    loss: Loss
    phases: tuple[Phase, ...]
    actions: tuple[Action, ...]
    optimisers: Mapping[str, Optimiser]  # by child
    metrics: Mapping[str, Metric]  # by label
    callbacks: Mapping[str, Callback]  # by label
    dry_run: DryRun  # the costs of a step, and what else the dry run has found out
    data_shape: tuple[int, ...]
    model: BoundModel
    document: Document
    resolved: Mapping[str, Any]  # the recipe with every default, as TOML tables
    keys: tuple[Key, ...]  # every key of `resolved` with its origin
    parts: Mapping[KeyPath, Part]  # the part that each table became, with its owner
    unmet: tuple[str, ...] = field(default=())  # what this machine lacks, with the remedy
    unmet_start: tuple[str, ...] = field(default=())  # what it lacks for a new run, but not for a resume

    def build_model(self) -> Model:
        """Construct the model with the current state of torch's global generator."""
        return self.model.build(self.data_shape)

    @property
    def stopping(self) -> tuple[str, ...]:
        """The labels of the callbacks that may stop the run before its last step."""
        return tuple(label for label, callback in self.callbacks.items() if type(callback).stops)

    @property
    def turns(self) -> tuple[Phase | Action, ...]:
        """The phases and the actions of a step, in order."""
        return turns_of(self.phases, self.actions)

    @property
    def protocols(self) -> Mapping[str, EvaluationProtocol]:
        """The evaluation protocol of each metric, by label."""
        return self.dry_run.protocols

    @property
    def steps(self) -> int:
        """The number of steps of the run. Raises `UsageError` if epochs are asked for and `epoch` raises it."""
        train = self.recipe.train
        if train.steps is not None:
            return train.steps
        assert train.epochs is not None  # `Train` requires one of the two
        return train.epochs * self.epoch("[train] epochs")

    def epoch(self, asked_by: str) -> int:
        """Return the number of steps of an epoch.

        Raises `UsageError` for data that never end or do not fill a batch; its message begins with the key `asked_by`.
        """
        batch_size, size = self.recipe.train.batch_size, self.data.size
        if size is None:
            text = f'{asked_by}: "{self.recipe.data.name}" never ends; give steps instead.'
            raise UsageError(placed(text, self.document))
        if size < batch_size:
            raise UsageError(placed(too_large(batch_size, size), self.document))
        return max(size // batch_size, 1)

    @cached_property
    def data_fingerprint(self) -> Mapping[str, Any]:
        """Fingerprint of the training and held-out data. Reads them once."""
        return data_fingerprint(self.data)

    @property
    def classes(self) -> int | None:
        """The number of classes that the model distinguishes; None unless it is conditional."""
        return self.dry_run.classes

    @cached_property
    def class_facts(self) -> ClassFacts | None:
        """The classes of the training data, for a conditional model. Reads the labels once. Raises `UsageError`."""
        if self.classes is None:
            return None
        try:
            return class_facts(self.data, self.classes)
        except ValueError as error:
            raise UsageError(placed(f"[data] {error}.", self.document)) from error

    @cached_property
    def data_keys(self) -> tuple[Key, ...]:
        """The keys that are not in `resolved`, because the data decide them."""
        return tuple(data_keys(self))

    @property
    def owners(self) -> list[str]:
        """A line for each part: its table, its name and its owner."""
        return [f"{'.'.join(path)}: {part.entry.name} ({part.owner})" for path, part in self.parts.items()]

    @property
    def notes(self) -> list[str]:
        """The owners and the keys that the data decide, a line each: the comments of a resolved recipe."""
        decided = [f"{'.'.join(key.path)}: {key.value}" for key in self.data_keys]
        return [*self.owners, *(["Decided by the data:"] if decided else []), *decided]

    def check_met(self, *, resuming: bool = False) -> None:
        """Raise `UsageError` with everything that this machine lacks for a new run, or for a resumed one."""
        if absent := self.unmet if resuming else self.unmet + self.unmet_start:
            hint = relative_paths(self.data) if resuming and self.data.unmet() else ()
            raise UsageError("\n".join((*absent, *hint)))


@standard_defaults()
@restored_generators()
def make_plan(
    source: RecipeLike | Document | Mapping[str, Any] | Path | str,
    *,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    try_step: bool = True,
    trained: bool = False,
) -> Plan:
    """Check a recipe, given as a TOML file, a `Recipe`, or its tables, and return its plan.

    `overrides` are those of ``--set``, such as ``"train.steps=500"``. With `try_step` the dry run tries one step of
    every phase, which takes seconds for a large network. Without it the plan does not know the costs of a step, and
    mistakes that only a step shows are found by the run. `trained` says that the plan is for a model that has been
    trained: a number of ``[loss]`` that is out of range for a new training is then accepted, and no optimiser is made.
    Raises `RecipeError` with all mistakes of the recipe, and `UsageError` if a file or an override cannot be read.
    """
    if not isinstance(registry, Registry | None):
        raise UsageError(f"registry: found {type(registry).__name__}, expected a registry of parts or None.")
    for name, value in (("try_step", try_step), ("trained", trained)):
        if value not in (True, False):
            raise UsageError(f"{name}: found {value!r}, expected True or False.")
    document, trained_with = document_of(source, overrides), OF_TRAINING if trained else ()
    binder = Binder(registry or load_registry(), document, trained=trained_with)
    bound = bind_recipe(binder)
    dry_run = None
    if isinstance(bound, BoundRecipe):
        dry_run, findings = run_dry(bound, try_step=try_step, trained=trained)
        _record(binder, findings, check_warm_start(bound, binder.registry))
    _record(binder, check_learning_rates(bound, binder.resolved.keys), check_evaluate(bound))
    if binder.problems or dry_run is None or not isinstance(bound, BoundRecipe):
        raise _refusal(binder, bound)
    plan = _plan_of(binder, bound, dry_run)
    _record(binder, check_callbacks(plan, plan.callbacks, plan.parts))
    if binder.problems:
        raise _refusal(binder, bound)
    unmet = (*plan.unmet, *unmet_callbacks(plan.callbacks))
    return replace(
        plan,
        unmet=tuple(placed(text, binder.document) for text in unmet),
        unmet_start=tuple(placed(text, binder.document) for text in plan.unmet_start),
    )


def _record(binder: Binder, *findings: Iterable[Finding]) -> None:
    """Record findings as problems of the recipe."""
    for finding in chain(*findings):
        binder.problem(*finding)


def _refusal(binder: Binder, bound: BoundParts) -> RecipeError:
    """Return the error with all problems, and with what this machine lacks as far as it is known without a plan."""
    lacking = unmet_of_refused(list(binder.problems), bound.recipe, bound.data, bound.metrics)
    for text in dict.fromkeys(lacking):
        for path, rest in located_texts(text, binder.document):
            binder.problem(path, rest)
    return RecipeError(binder.problems)


def _plan_of(binder: Binder, bound: BoundRecipe, dry_run: DryRun) -> Plan:
    """Return the plan of a recipe without mistakes: everything has been bound."""
    recipe: Any = bound.recipe
    optimisers: Any = bound.optimisers
    metrics: Any = bound.metrics
    callbacks: Any = bound.callbacks
    return Plan(
        recipe=recipe,
        data=bound.data,
        loss=bound.loss,
        phases=dry_run.phases,
        actions=dry_run.actions,
        optimisers=optimisers,
        metrics=metrics,
        callbacks=callbacks,
        dry_run=dry_run,
        data_shape=bound.data_shape,
        model=bound.model,
        document=binder.document,
        resolved=binder.resolved.tables(),
        keys=tuple(binder.resolved.keys),
        parts=bound.parts,
        unmet=unmet_always(recipe, bound.data, metrics, dry_run.state_bytes, dry_run.activation_bytes),
        unmet_start=unmet_start(recipe),
    )
