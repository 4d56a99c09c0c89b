"""One step on shapes alone, before a run: no data is read and no number is computed.

On torch's meta device a full-size network costs nothing, so every mistake of shape, of a missing child or of a form
that cannot work at this latent size is found here, and the arithmetic, the memory and the coupling of samples are
counted rather than declared by the parts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from genkit.core.metric import EvaluationProtocol, Metric
from genkit.core.model import Model
from genkit.core.types import Dataset, Loss, Optimiser, Phase, Schedule
from genkit.errors import UsageError
from genkit.evaluation.batch_norm import norms_of
from genkit.evaluation.evaluate import protocol_of
from genkit.recipe.bind import Binder
from genkit.recipe.costs import PhaseCost, costs_of
from genkit.recipe.schedule_probe import recording_schedules
from genkit.recipe.tables import Recipe
from genkit.storage.weights import NO_AVERAGE

BYTES_PER_PARAMETER = {"fp64": 8}  # float32 otherwise: mixed precision keeps float32 weights


@dataclass(frozen=True)
class DryRun:
    """What a step is made of."""

    phases: tuple[Phase, ...]
    parameters: Mapping[str, int]  # by child
    costs: Mapping[str, PhaseCost]  # by phase; empty where no step was tried
    protocols: Mapping[str, EvaluationProtocol]  # by label of the metric
    schedules: Mapping[str, Schedule]  # of the loss, by key: those that change with the progress of the run
    state_bytes: int  # weights, gradients, two moments and the moving average
    remarks: tuple[str, ...] = ()

    @property
    def flops(self) -> float:
        """Floating-point operations of an average step at the end of the run."""
        last = [phase for phase in self.phases if phase.stop is None]
        return sum(self.costs[phase.name].flops / phase.every for phase in last)

    @property
    def activation_bytes(self) -> int:
        """Bytes kept for the backward by the hungriest phase."""
        return max((cost.activations for cost in self.costs.values()), default=0)


def run_dry(
    binder: Binder,
    recipe: Recipe | None,
    build: Callable[[], Model],
    loss: Loss,
    optimisers: Mapping[str, Optimiser | None],
    metrics: Mapping[str, Metric | None],
    data: Dataset,
    *,
    try_step: bool = True,
) -> DryRun | None:
    """Try one step of every phase on shapes. What goes wrong is recorded in `binder`, and the result is None.

    A recipe, an optimiser or a metric that could not be bound is None: what does not depend on it is tried all the
    same, so that all mistakes are told at once. Without `try_step` everything but the step itself is tried.
    """
    model = _attempt(binder, ("model",), lambda: _on_meta(build))
    phases = _attempt(binder, ("loss",), loss.phases)
    if model is None or phases is None:
        return None
    fits = _check_children(binder, model, phases, optimisers)
    for child, optimiser in optimisers.items():
        if optimiser is not None:
            _attempt(binder, ("optimiser", child), partial(_try_optimiser, optimiser))
    protocols = _protocols(binder, metrics, data, model)
    if recipe is None or not fits:
        return None
    _check_weights(binder, recipe, protocols)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = _attempt(binder, ("loss",), lambda: _costs(model, loss, recipe, data)) if try_step else ({}, {})
    if found is None:
        return None
    costs, schedules = found
    _check_accumulation(binder, recipe, model, costs)

    remarks = [str(warning.message) for warning in caught]
    if data.split == data.held_out().split == "test":
        remarks.append("it trains on the test split, so nothing is held out")
    parameters = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
    copies = 4 + (recipe.ema is not None)
    state_bytes = copies * sum(parameters.values()) * BYTES_PER_PARAMETER.get(recipe.train.precision, 4)
    return DryRun(phases, parameters, costs, protocols, schedules, state_bytes, tuple(remarks))


def _costs(
    model: Model, loss: Loss, recipe: Recipe, data: Dataset
) -> tuple[Mapping[str, PhaseCost], Mapping[str, Schedule]]:
    """Return what each phase costs, and the schedules of the loss that follow the progress of the run."""
    watched, seen = recording_schedules(loss)
    costs = costs_of(model, watched.phases(), recipe, data)
    return costs, {name: each.schedule for name, each in seen.items() if each.follows_the_run}


def _attempt(binder: Binder, path: tuple[str, ...], do: Callable[[], Any]) -> Any:
    owner = binder.used[path].owner
    try:
        return do()
    except ValueError as error:
        binder.problem(path, str(error), owner)
    except Exception as error:  # whatever a stranger's part raises
        held = [
            f"{part.entry.name} ({part.owner})" for at, part in binder.used.items() if at[: len(path)] == path != at
        ]
        suspects = f". It holds {' and '.join(held)}, which may be at fault" if held else ""
        binder.problem(path, f"cannot be tried on shapes: {type(error).__name__}: {error}{suspects}", owner)
    return None


def _on_meta(build: Callable[[], Model]) -> Model:
    with torch.device("meta"):
        model = build()
    if not isinstance(model, Model):
        raise TypeError(f"{type(model).__name__} is not a genkit.api.Model")
    return model


def _check_children(
    binder: Binder, model: Model, phases: tuple[Phase, ...], optimisers: Mapping[str, Optimiser | None]
) -> bool:
    """Tell whether the model has the children that the phases train; record what does not fit."""
    children = {name for name, _ in model.named_children()}
    trained = {child for phase in phases for child in phase.updates}
    loss, network = binder.used[("loss",)], binder.used[("model",)]
    for child in sorted(trained - children):
        text = f'"{loss.entry.name}" trains {child}, but "{network.entry.name}" has {" and ".join(sorted(children))}.'
        binder.problem(("model", "use"), text, network.owner)
    for child in sorted(trained & children - set(optimisers)):
        binder.problem(("optimiser", child), f'missing; "{loss.entry.name}" trains {child}.', loss.owner)
    for child in sorted(set(optimisers) - trained):
        names = " and ".join(sorted(trained))
        binder.problem(("optimiser", child), f'would do nothing: "{loss.entry.name}" trains {names}.', loss.owner)
    return trained <= children


def _try_optimiser(optimiser: Optimiser) -> bool:
    """Build the optimiser of a single weight. Raises `ValueError` for what torch refuses, and for a bad rate."""
    optimiser.build([nn.Parameter(torch.zeros(1))])
    for t in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not (math.isfinite(optimiser.lr(t)) and optimiser.lr(t) >= 0):
            raise ValueError(f"the learning rate is {optimiser.lr(t)} at t = {t}; it must be finite and not negative")
    return True


def _protocols(
    binder: Binder, metrics: Mapping[str, Metric | None], data: Dataset, model: Model
) -> dict[str, EvaluationProtocol]:
    protocols: dict[str, EvaluationProtocol] = {}
    try:
        _ = [split.size for split in (data, data.held_out()) if not split.unmet()]
    except UsageError as error:  # a set on a hub, of which only an attempt tells whether it can be had
        binder.problem(("data",), str(error), binder.used["data",].owner)
        return protocols
    for label, metric in metrics.items():
        if metric is None:
            continue
        protocol = _attempt(binder, ("metrics", label), partial(protocol_of, metric, data, model))
        if protocol is None:
            continue
        if protocol.split not in (data.split, data.held_out().split):
            text = f'the data set has no split "{protocol.split}", only "{data.split}" and "{data.held_out().split}".'
            binder.problem(("metrics", label), text)
        protocols[label] = protocol
    return protocols


def _check_weights(binder: Binder, recipe: Recipe, protocols: Mapping[str, EvaluationProtocol]) -> None:
    for label, protocol in protocols.items():
        if protocol.weights == "ema" and recipe.ema is None:
            binder.problem(("metrics", label, "weights"), NO_AVERAGE)


def _check_accumulation(binder: Binder, recipe: Recipe, model: Model, costs: Mapping[str, PhaseCost]) -> None:
    train = recipe.train
    if train.batch_size % train.accumulate:
        text = f"batch_size = {train.batch_size} does not divide into {train.accumulate} equal micro-batches."
        binder.problem(("train", "accumulate"), text)
    if train.accumulate == 1 or train.inexact_accumulation:
        return
    coupled = [f'the loss of phase "{name}"' for name, cost in costs.items() if cost.couples_samples]
    coupled += ["a batch norm"] if norms_of(model) else []
    if coupled:
        text = (
            f"{coupled[0]} couples the samples of a batch, so micro-batches would not add up to the batch. "
            "Use accumulate = 1, or accept the difference with inexact_accumulation = true."
        )
        binder.problem(("train", "accumulate"), text)
