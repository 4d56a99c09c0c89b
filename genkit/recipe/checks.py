"""Checks of a recipe that need several of its parts. They compute nothing; each yields what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from genkit.core.dataset import LabelledDataset
from genkit.core.known_data import PlaceholderDataset, known_labels
from genkit.core.loss import Action, Phase
from genkit.core.model import Model
from genkit.evaluation.batch_norm import norms_of
from genkit.near_miss import closest
from genkit.part_code import code_of, line_of_definition
from genkit.recipe.binding.bind_model import ERROR, PRIOR
from genkit.recipe.binding.bind_recipe import BoundParts, BoundRecipe
from genkit.recipe.resolved import Key
from genkit.recipe.tables import Train
from genkit.recipe.text.document import KeyPath
from genkit.recipe.trial.costs import PhaseCost
from genkit.recipe.trial.schedule_probe import values_over_the_run
from genkit.recipe.trial.try_loss import unknown_child

RATE_OF_A_WEIGHT = 1.0  # the defaults of schedules reach it: they are for weights of a loss


class Finding(NamedTuple):
    """Something that is wrong at a key of the recipe. `Binder.problem` adds the file and the line."""

    path: KeyPath
    text: str
    owner: object = ""  # of the part that refuses


def children_of(model: Model) -> set[str]:
    """Return the names of the children of a model."""
    return {name for name, _ in model.named_children()}


def children_trained_by(phases: tuple[Phase, ...]) -> set[str]:
    """Return the names of the children that the phases update."""
    return {child for phase in phases for child in phase.updates}


def check_children(bound: BoundRecipe, model: Model, phases: tuple[Phase, ...]) -> Iterator[Finding]:
    """Check that the model has the children that the loss trains, and that exactly these have an optimiser.

    Optimisers are not checked if [optimiser] is no table, or if the model lacks a child: another loss or another model
    decides then which children need one.
    """
    children, trained = children_of(model), children_trained_by(phases)
    loss, network = bound.parts[("loss",)], bound.parts[("model",)]
    names = " and ".join(sorted(trained))
    lacked = sorted(trained - children)
    for child in lacked:
        if closest(child, {*children, PRIOR}):  # a mistake in the code of the loss, else it is for another model
            phase = next(phase for phase in phases if child in phase.updates)
            text = f'{code_of(bound.loss)}: phase "{phase.name}" updates {unknown_child(child, children)}'
            yield Finding(("loss",), text, loss.owner)
            continue
        place = line_of_definition(bound.loss)
        text = (
            f'"{network.entry.name}" has no child "{child}", which "{loss.entry.name}" ({place}) trains; it has '
            f"{' and '.join(sorted(children))}. Use a model that has it, or another loss."
        )
        yield Finding(("model", "use"), text, network.owner)
    if bound.optimisers is None or lacked:
        return
    for child in sorted(trained & children - set(bound.optimisers)):
        text = f'missing (required by "{loss.entry.name}", which trains {names}). Add [optimiser.{child}].'
        yield Finding(("optimiser", child), text, loss.owner)
    for child in sorted(set(bound.optimisers) - trained):
        text = f'no effect: "{loss.entry.name}" trains {names} only. Remove [optimiser.{child}].'
        yield Finding(("optimiser", child), text, loss.owner)


def check_learning_rates(bound: BoundParts, keys: Sequence[Key]) -> Iterator[Finding]:
    """Check that no learning rate reaches the weight of a loss because the recipe leaves out keys of a schedule."""
    for child, optimiser in (bound.optimisers or {}).items():
        path = ("optimiser", child, "lr")
        own = {key.path[-1]: key for key in keys if key.path[:-1] == path}
        if optimiser is None or "use" not in own or own["use"].is_default:
            continue
        values = values_over_the_run(optimiser.lr)
        left_out = {name: key.value for name, key in own.items() if key.is_default}
        if max(values) >= RATE_OF_A_WEIGHT and (len(left_out) == len(own) - 1 or max(values) in left_out.values()):
            ends = [name for name in ("start", "stop") if name in left_out]
            remedy = "Use a number, or a schedule with values of a learning rate."
            if ends:
                example = ", ".join((f'use = "{own["use"].value}"', "start = 1e-3", "stop = 0.0"))
                remedy = f"Set {' and '.join(ends)}, for example lr = {{ {example} }}."
            text = (
                f"the learning rate goes from {values[0]:g} to {values[-1]:g}: the defaults of this schedule are for "
                f"weights of a loss. {remedy}"
            )
            yield Finding(path, text, bound.parts[path].owner)


def without_fixed_prior(phases: tuple[Phase, ...], model: Model) -> tuple[tuple[Phase, ...], list[Finding]]:
    """Return the phases without the child `prior` if it has no parameters, and the phases that then update nothing."""
    if next(model.prior.parameters(), None) is not None:
        return phases, []
    kept = tuple(replace(phase, updates=tuple(name for name in phase.updates if name != PRIOR)) for phase in phases)
    found = [
        Finding(
            ("loss",),
            f'phase "{phase.name}" updates the prior only, and the prior of the model has no parameters. Set '
            "[model.prior] to one that is learnt, or use another loss.",
        )
        for phase in kept
        if not phase.updates
    ]
    return kept, found


def check_resets(bound: BoundRecipe, phases: tuple[Phase, ...], actions: tuple[Action, ...]) -> Iterator[Finding]:
    """Check that the children whose moments an action resets have moments."""
    trained, loss = children_trained_by(phases) | {PRIOR}, bound.parts["loss",]  # a prior that is not learnt has none
    for action in actions:
        for child in sorted(set(action.resets) - trained):
            names = " and ".join(sorted(trained - {PRIOR}))
            meant = closest(child, trained)
            text = (
                f'{code_of(bound.loss)}: action "{action.name}" resets the moments of "{child}", but '
                f'"{loss.entry.name}" trains {names} only. '
                + (f"Did you mean {' or '.join(meant)}?" if meant else "Remove it from resets.")
            )
            yield Finding(("loss",), text, loss.owner)


def check_prior_is_trained(bound: BoundRecipe, model: Model, phases: tuple[Phase, ...]) -> Iterator[Finding]:
    """Check that the loss trains a prior that has parameters."""
    trained = children_trained_by(phases)
    if not trained <= children_of(model):  # perhaps a wrong name of the prior, which is reported already
        return
    if next(model.prior.parameters(), None) is not None and PRIOR not in trained:
        loss = bound.parts[("loss",)]
        names = " and ".join(sorted(trained))
        text = (
            f'its parameters would keep their initial values: "{loss.entry.name}" trains {names} only. Use a loss that '
            "trains the prior, or a prior that is not learnt."
        )
        yield Finding(("model", PRIOR), text, loss.owner)


def check_prior_is_asked(bound: BoundRecipe, asked: bool) -> Iterator[Finding]:
    """Check that the loss draws from the prior of the recipe, or compares posteriors with it."""
    if bound.model.prior is not None and not asked:
        loss = bound.parts[("loss",)]
        text = (
            f'no effect: "{loss.entry.name}" never asks model.prior, so it would train for another prior. Use another '
            "loss, or remove [model.prior]."
        )
        yield Finding(("model", PRIOR), text, loss.owner)


def check_error_is_used(bound: BoundRecipe, used: bool) -> Iterator[Finding]:
    """Check that the loss calls the reconstruction error, if the recipe names one."""
    if bound.model.error is not None and not used:
        loss = bound.parts[("loss",)]
        text = f'no effect: "{loss.entry.name}" does not call model.error. Remove this key, or use another loss.'
        yield Finding(("model", ERROR), text, loss.owner)


def check_labels(bound: BoundRecipe, classes: int | None) -> Iterator[Finding]:
    """Check that the samples have the labels that a conditional model needs, as far as the data set knows it."""
    data = bound.data
    known = data.has_labels() if isinstance(data, LabelledDataset) else None if data.split != "drawn" else False
    if known is None and isinstance(data, PlaceholderDataset):
        known = isinstance(data, LabelledDataset) and data.class_labels() is not None  # they are not read from a file
    if classes is not None and known is False:
        text = (
            f"its samples have no labels, but the model distinguishes {classes} classes. Use data with labels, such as "
            "a folder with a sub-folder for each class, or a model without conditions."
        )
        yield Finding(("data",), text, bound.parts["data",].owner)
    labels = known_labels(data) if classes is not None else ()
    if classes is not None and labels and labels[-1] >= classes:
        text = (
            f"the labels of the data go from {labels[0]} to {labels[-1]}, but the model has the classes 0 to "
            f"{classes - 1}. Set it to {labels[-1] + 1} or more, or keep fewer classes of the data."
        )
        yield Finding(_key_of_classes(bound), text, bound.parts["model",].owner)


def _key_of_classes(bound: BoundRecipe) -> KeyPath:
    """Return the key that says how many classes a conditional model has, or else the table of the model."""
    if "classes" in bound.model.network.arguments:
        return ("model", "classes")
    prior = bound.model.prior
    return ("model", PRIOR, "classes") if prior is not None and "classes" in prior.arguments else ("model",)


def check_accumulation(train: Train, model: Model, costs: Mapping[str, PhaseCost]) -> Iterator[Finding]:
    """Check that a batch divides into equal micro-batches, and that these add up to the batch."""
    if train.batch_size % train.accumulate:
        text = (
            f"batch_size = {train.batch_size} does not divide into {train.accumulate} equal micro-batches. "
            "Set accumulate to a divisor of batch_size."
        )
        yield Finding(("train", "accumulate"), text)
        return
    if train.accumulate == 1 or train.inexact_accumulation:
        return
    coupled = [f'the loss of phase "{name}"' for name, cost in costs.items() if cost.couples_samples]
    coupled += ["a batch norm"] if norms_of(model) else []
    if coupled:
        text = (
            f"{coupled[0]} couples the samples of a batch, so micro-batches do not add up to the batch. "
            "Set accumulate = 1, or accept the difference with inexact_accumulation = true."
        )
        yield Finding(("train", "accumulate"), text)
