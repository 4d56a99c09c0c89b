"""The dry run: everything that is checked before a run, with one step on torch's meta device.

On the meta device tensors have a shape and no content: no data is read, no number is computed, and a full-size network
costs no memory. The dry run

- builds the model and every optimiser, and asks every metric for its evaluation protocol,
- compares the parts with each other (`genkit.recipe.checks`),
- tries one step of every phase.

So it finds mistakes of shape, missing children of the model, and losses that cannot work at this latent size. It also
counts the arithmetic, the memory and the coupling of samples (`genkit.recipe.trial.costs`), which no part has to
declare.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from genkit.core.metric import EvaluationProtocol
from genkit.core.model import Model
from genkit.errors import UsageError
from genkit.evaluation.compute_metrics import protocol_of
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.binding.bind_model import ERROR, PRIOR
from genkit.recipe.binding.bind_recipe import BoundRecipe
from genkit.recipe.checks import (
    Finding,
    check_accumulation,
    check_children,
    check_error_is_used,
    check_labels,
    check_prior_is_asked,
    check_prior_is_trained,
    check_resets,
    children_of,
    children_trained_by,
    without_fixed_prior,
)
from genkit.recipe.metric_checks import check_ema, check_split
from genkit.recipe.tables import Recipe
from genkit.recipe.text.document import KeyPath
from genkit.recipe.trial.batch_at_fault import batch_at_fault
from genkit.recipe.trial.dry_run_facts import DryRun, state_bytes
from genkit.recipe.trial.dry_run_remarks import remarks_on
from genkit.recipe.trial.measured_step import MeasuredStep, measure_step
from genkit.recipe.trial.network_on_meta import network_on_meta
from genkit.recipe.trial.try_data import try_data
from genkit.recipe.trial.try_loss import try_actions, try_phases, try_remark, try_samples, try_targets
from genkit.recipe.trial.try_model import try_error, try_model, try_prior
from genkit.recipe.trial.try_optimiser import try_optimiser

NO_VALUES = ". In the dry run tensors have no values: use no .item(), no `if` on a tensor and no NumPy"
OTHER_DEVICE = (
    ". A tensor of the loss is not on the device of its input: draw with batch.randn(tag) or batch.rand(tag), and make "
    "other tensors with device=x.device"
)
NOT_TRIED = MeasuredStep({}, {}, (), asks_prior=True, calls_error=True)


class DryRunResult(NamedTuple):
    """A dry run, and what is wrong with the recipe."""

    dry_run: DryRun | None  # None if a mistake prevents it
    findings: tuple[Finding, ...]


def run_dry(bound: BoundRecipe, *, try_step: bool = True, trained: bool = False) -> DryRunResult:
    """Check the parts of a recipe against each other, and try one step of every phase on the meta device.

    A recipe, optimiser or metric that could not be bound is skipped, and everything that does not depend on it is
    checked, so that all mistakes are reported at once. With `try_step` False everything but the step is done. A model
    that has been `trained` needs no optimiser: to make one loads the compiler of torch, in two seconds.
    """
    checker = _Checker(bound)
    return DryRunResult(checker.run(try_step, trained), tuple(checker.findings))


def classes_of(bound: BoundRecipe) -> int | None:
    """Return how many classes the model of a recipe distinguishes; None unless it is conditional.

    It is also None if the model cannot be built, which `run_dry` reports.
    """
    checker = _Checker(bound)
    model = checker.network()
    found = None if model is None or not checker.add_prior(model) else checker.classes(model)
    return None if found is None else found[0]


class _Checker:
    """One dry run. Each method adds what it finds wrong to `findings`."""

    def __init__(self, bound: BoundRecipe):
        self.bound = bound
        self.findings: list[Finding] = []

    def run(self, try_step: bool, trained: bool) -> DryRun | None:
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
        if not trained:
            self._try_optimisers()
        error_fits = bound.model.error is None or self._call(
            ("model", ERROR), partial(try_error, model, tuple(bound.data.shape))
        )
        protocols = self._protocols(model) if data_fits else {}
        if recipe is None or nothing_to_update or not children_trained_by(phases) <= children_of(model):
            return None
        self.findings += check_ema(recipe, protocols)
        actions = self._call(("loss",), partial(try_samples, actions, model, recipe.train.batch_size))
        if actions is None:
            return None
        if not error_fits:  # the step would report the same mistake again
            return None
        step = self._try_step(model, recipe) if try_step else NOT_TRIED
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
            state_bytes=state_bytes(recipe, parameters, targets),
            classes=classes[0],
            remarks=tuple(dict.fromkeys((*step.warnings, *remarks_on(bound, step.costs, (*phases, *actions))))),
        )

    def network(self) -> Model | None:
        """Return the model without its prior, on the meta device; None if it cannot be built."""
        build = partial(self.bound.model.build_network, self.bound.data_shape)
        model: Model | None = self._call(("model",), partial(network_on_meta, build))
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

    def _try_step(self, model: Model, recipe: Recipe) -> MeasuredStep | None:
        """Try one step; a failure that only the size of the batch causes is a mistake of that key."""
        before = len(self.findings)
        step = self._try_networks_and_step(model, recipe)
        if step is None:
            failed = self.findings[before:]
            at_fault = batch_at_fault(
                recipe, failed, lambda smaller: self._try_networks_and_step(model, smaller) is not None
            )
            self.findings[before:] = at_fault or failed
        return step

    def _try_networks_and_step(self, model: Model, recipe: Recipe) -> MeasuredStep | None:
        """Try the networks, and one step of every phase."""
        micro = max(recipe.train.batch_size // recipe.train.accumulate, 1)
        if not self._call(("model",), partial(try_model, model, tuple(self.bound.data.shape), micro)):
            return None
        if not self._call(("model", PRIOR) if self.bound.model.prior else ("model",), partial(try_prior, model, micro)):
            return None
        step: MeasuredStep | None = self._call(("loss",), partial(measure_step, self.bound, model, recipe))
        if step is not None:
            self.findings += check_prior_is_asked(self.bound, step.asks_prior)
            self.findings += check_error_is_used(self.bound, step.calls_error)
        return step

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
                hint = OTHER_DEVICE if "expected device" in text else NO_VALUES if "meta" in text else ""
                text = f"the dry run failed: {describe_bug(self.bound.parts[path].load(), error)}{uses}{hint}"
            self.findings.append(Finding(path, text, self.bound.parts[path].owner))
        return None
