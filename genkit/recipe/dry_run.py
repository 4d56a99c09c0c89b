"""The dry run: everything that is checked before a run, with one step on torch's meta device.

On the meta device tensors have a shape and no content: no data is read, no number is computed, and a full-size network
costs no memory. The dry run

- builds the model and every optimiser, and asks every metric for its evaluation protocol,
- compares the parts with each other (`genkit.recipe.checks`),
- tries one step of every phase.

So it finds mistakes of shape, missing children of the model, and losses that cannot work at this latent size. It also
counts the arithmetic, the memory and the coupling of samples (`genkit.recipe.costs`), which no part has to declare.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook

from genkit.core.dataset import Dataset
from genkit.core.loss import Action, Phase
from genkit.core.metric import EvaluationProtocol
from genkit.core.model import Model
from genkit.core.types import Schedule
from genkit.errors import UsageError
from genkit.evaluation.compute_metrics import protocol_of
from genkit.part_code import code_of, describe_bug, is_refusal
from genkit.recipe.bind_model import ERROR, PRIOR
from genkit.recipe.bind_recipe import BoundRecipe
from genkit.recipe.checks import (
    Finding,
    check_accumulation,
    check_children,
    check_ema,
    check_error_is_used,
    check_labels,
    check_prior_is_asked,
    check_prior_is_trained,
    check_resets,
    check_split,
    children_of,
    children_trained_by,
    without_fixed_prior,
)
from genkit.recipe.costs import PhaseCost, costs_of
from genkit.recipe.document import KeyPath
from genkit.recipe.error_probe import recording_error
from genkit.recipe.prior_probe import recording_questions
from genkit.recipe.schedule_probe import recording_schedules, values_over_the_run
from genkit.recipe.tables import Recipe
from genkit.recipe.try_data import try_data
from genkit.recipe.try_loss import actions_of, targets_of, try_actions, try_phases, try_remark, try_targets
from genkit.recipe.try_model import try_error, try_model, try_prior
from genkit.recipe.try_optimiser import try_optimiser

MOST_TENSORS = 10_000  # parameters of a network; one of hundreds of layers has hundreds
MOST_NAMES = 4  # of parameters, in a remark
NO_VALUES = ". In the dry run tensors have no values: use no .item(), no `if` on a tensor and no NumPy"
BYTES_PER_PARAMETER = {"fp64": 8}  # float32 otherwise: mixed precision keeps float32 weights


@dataclass(frozen=True)
class DryRun:
    """The facts that the dry run has measured about a step."""

    phases: tuple[Phase, ...]
    actions: tuple[Action, ...]
    parameters: Mapping[str, int]  # number of parameters by child
    targets: tuple[str, ...]  # the children of which the loss reads a copy
    costs: Mapping[str, PhaseCost]  # by phase; empty if no step was tried
    protocols: Mapping[str, EvaluationProtocol]  # by label of the metric
    schedules: Mapping[str, Schedule]  # of the loss, by key: those that change with the progress of the run
    state_bytes: int  # weights, gradients, two moments, the EMA weights and the targets
    remarks: tuple[str, ...] = ()
    classes: int | None = None  # that the model distinguishes; None unless it is conditional

    @property
    def flops(self) -> float:
        """Floating-point operations of an average step at the end of the run."""
        last = [phase for phase in self.phases if phase.stop is None]
        return sum(self.costs[phase.name].flops / phase.every for phase in last)

    @property
    def activation_bytes(self) -> int:
        """Bytes kept for the backward by the phase that keeps most."""
        return max((cost.activations for cost in self.costs.values()), default=0)


class DryRunResult(NamedTuple):
    """A dry run, and what is wrong with the recipe."""

    dry_run: DryRun | None  # None if a mistake prevents it
    findings: tuple[Finding, ...]


def run_dry(bound: BoundRecipe, *, try_step: bool = True) -> DryRunResult:
    """Check the parts of a recipe against each other, and try one step of every phase on the meta device.

    A recipe, optimiser or metric that could not be bound is skipped, and everything that does not depend on it is
    checked, so that all mistakes are reported at once. With `try_step` False everything but the step is done.
    """
    checker = _Checker(bound)
    return DryRunResult(checker.run(try_step), tuple(checker.findings))


def classes_of(bound: BoundRecipe) -> int | None:
    """Return how many classes the model of a recipe distinguishes; None unless it is conditional.

    It is also None if the model cannot be built, which `run_dry` reports.
    """
    checker = _Checker(bound)
    model = checker.network()
    found = None if model is None or not checker.add_prior(model) else checker.classes(model)
    return None if found is None else found[0]


class _Step(NamedTuple):
    """The facts that one tried step has shown."""

    costs: Mapping[str, PhaseCost]
    schedules: Mapping[str, Schedule]
    warnings: tuple[str, ...]  # given by the parts and by torch


class _Checker:
    """One dry run. Each method adds what it finds wrong to `findings`."""

    def __init__(self, bound: BoundRecipe):
        self.bound = bound
        self.findings: list[Finding] = []

    def run(self, try_step: bool) -> DryRun | None:
        """Do everything that the mistakes found so far allow; return None if they prevent a dry run."""
        bound, recipe = self.bound, self.bound.recipe
        model = self.network()
        phases = self._call(("loss",), partial(try_phases, bound.loss))
        data_fits = self._call(("data",), partial(try_data, bound.data))
        if model is None or phases is None or not self.add_prior(model):
            return None
        classes = self.classes(model)
        if classes is None:
            return None
        self.findings += check_labels(bound, *classes)
        actions = self._call(("loss",), partial(try_actions, bound.loss, phases))
        if actions is None:
            return None
        targets = self._call(("loss",), partial(try_targets, bound.loss, model))
        if targets is None or not self._call(("loss",), partial(try_remark, bound.loss)):
            return None
        phases, nothing_to_update = without_fixed_prior(phases, model)
        self.findings += nothing_to_update
        self.findings += check_children(bound, model, phases)
        self.findings += check_resets(bound, phases, actions)
        self.findings += check_prior_is_trained(bound, model, phases)
        self._try_optimisers()
        error_fits = bound.model.error is None or self._call(
            ("model", ERROR), partial(try_error, model, tuple(bound.data.shape))
        )
        protocols = self._protocols(model) if data_fits else {}
        if recipe is None or nothing_to_update or not children_trained_by(phases) <= children_of(model):
            return None
        self.findings += check_ema(recipe, protocols)
        if not error_fits:  # the step would report the same mistake again
            return None
        step = self._try_step(model, recipe) if try_step else _Step({}, {}, ())
        if step is None or not data_fits:
            return None
        self.findings += check_accumulation(recipe.train, model, step.costs)
        parameters = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
        return DryRun(
            phases=phases,
            actions=actions,
            parameters=parameters,
            targets=targets,
            costs=step.costs,
            protocols=protocols,
            schedules=step.schedules,
            state_bytes=_state_bytes(recipe, parameters, targets),
            classes=classes[0],
            remarks=tuple(
                dict.fromkeys((*step.warnings, *_remarks(step.costs, bound.data), *_constant_children(bound)))
            ),
        )

    def network(self) -> Model | None:
        """Return the model without its prior, on the meta device; None if it cannot be built."""
        build = partial(self.bound.model.build_network, self.bound.data_shape)
        model: Model | None = self._call(("model",), partial(_on_meta, build))
        return model

    def classes(self, model: Model) -> tuple[int | None] | None:
        """Return the number of classes of a model with its prior; None if it does not tell."""
        found: tuple[int | None] | None = self._call(("model",), lambda: (model.condition_classes,))
        return found

    def add_prior(self, model: Model) -> bool:
        """Give the model its prior; return whether that worked."""
        if self.bound.model.prior is None:
            return True

        def add() -> bool:
            with torch.device("meta"):
                self.bound.model.add_prior(model)
            return True

        return bool(self._call(("model", PRIOR), add))

    def _try_optimisers(self) -> None:
        for child, optimiser in (self.bound.optimisers or {}).items():
            if optimiser is not None:
                self._call(("optimiser", child), partial(try_optimiser, optimiser))

    def _protocols(self, model: Model) -> dict[str, EvaluationProtocol]:
        """Return the protocol of every metric by label."""
        data = self.bound.data
        protocols: dict[str, EvaluationProtocol] = {}
        for label, metric in self.bound.metrics.items():
            if metric is None:
                continue
            protocol = self._call(("metrics", label), partial(protocol_of, metric, data, model))
            if protocol is not None:
                self.findings += check_split(label, protocol, data)
                protocols[label] = protocol
        return protocols

    def _try_step(self, model: Model, recipe: Recipe) -> _Step | None:
        """Try the networks, and one step of every phase."""
        micro = max(recipe.train.batch_size // recipe.train.accumulate, 1)
        if not self._call(("model",), partial(try_model, model, tuple(self.bound.data.shape), micro)):
            return None
        if not self._call(("model", PRIOR) if self.bound.model.prior else ("model",), partial(try_prior, model, micro)):
            return None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = self._call(("loss",), partial(_costs_and_schedules, self.bound, model, recipe))
        if found is None:
            return None
        costs, schedules, asks, compares = found
        self.findings += check_prior_is_asked(self.bound, asks)
        self.findings += check_error_is_used(self.bound, compares)
        return _Step(costs, schedules, tuple(str(warning.message) for warning in caught))

    def _call(self, path: KeyPath, function: Callable[[], Any]) -> Any:
        """Call into a part. Return None if it raises, which is a mistake of its table."""
        try:
            return function()
        except (Exception, SystemExit, GeneratorExit) as error:  # anything that a plugin's part raises
            text = str(error)
            if not isinstance(error, UsageError) and not is_refusal(error):
                inner = [part for at, part in self.bound.parts.items() if at[: len(path)] == path != at]
                names = " and ".join(f"{part.entry.name} of {part.owner}" for part in inner)
                uses = f" (uses {names})" if inner else ""
                hint = NO_VALUES if "meta" in text else ""
                text = f"the dry run failed: {describe_bug(self.bound.parts[path].load(), error)}{uses}{hint}"
            self.findings.append(Finding(path, text, self.bound.parts[path].owner))
        return None


def _costs_and_schedules(
    bound: BoundRecipe, model: Model, recipe: Recipe
) -> tuple[Mapping[str, PhaseCost], Mapping[str, Schedule], bool, bool]:
    """Return the costs of each phase, and the schedules of the loss that follow the run.

    The last two are whether the loss asks the prior, and whether it calls the reconstruction error of the model.
    """
    loss, recording = recording_schedules(bound.loss)
    with recording_questions(model.prior) as asked, recording_error(model) as compared:
        costs = costs_of(model, loss.phases(), actions_of(loss), targets_of(loss), recipe, bound.data)
    schedules = {name: each.schedule for name, each in recording.items() if each.follows_the_run}
    return costs, schedules, bool(asked), bool(compared)


def _on_meta(build: Callable[[], Model]) -> Model:
    with torch.device("meta"), _at_most_tensors():
        model = build()
    if not isinstance(model, Model):
        raise ValueError(f"{code_of(model)} is not a genkit.api.Model. Derive the class from Model, Autoencoder or GAN")
    return model


@contextmanager
def _at_most_tensors() -> Iterator[None]:
    """Raise `ValueError` once the block has made `MOST_TENSORS` parameters: a step of such a network would not end."""
    made = itertools.count(1)

    def count(*_: object) -> None:
        if next(made) > MOST_TENSORS:
            raise ValueError(f"a network of more than {MOST_TENSORS:,} parameter tensors. Use fewer layers")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _state_bytes(recipe: Recipe, parameters: Mapping[str, int], targets: tuple[str, ...]) -> int:
    """Return the bytes of weights, gradients, two moments, the EMA weights and the targets."""
    copies = 4 + (recipe.ema is not None)
    numbers = copies * sum(parameters.values()) + sum(parameters[name] for name in targets)
    return numbers * BYTES_PER_PARAMETER.get(recipe.train.precision, 4)


def _constant_children(bound: BoundRecipe) -> Iterator[str]:
    """Yield the children whose learning rate is 0 in the whole run."""
    for child, optimiser in (bound.optimisers or {}).items():
        if optimiser is not None and not any(values_over_the_run(optimiser.lr)):
            yield f"[optimiser.{child}] has the learning rate 0 in the whole run, so its weights do not change"


def _remarks(costs: Mapping[str, PhaseCost], data: Dataset) -> Iterator[str]:
    """Yield what a user should know and what is no mistake."""
    for name, cost in costs.items():
        if cost.unreached:
            names = ", ".join(cost.unreached[:MOST_NAMES]) + ", ..." * (len(cost.unreached) > MOST_NAMES)
            count = f"{len(cost.unreached)} of the {cost.updated} tensors"
            yield f'phase "{name}" does not reach {count} that it updates: {names}'
    if data.split == data.held_out().split == "test":
        yield "the run trains on the test split, so nothing is held out"
