"""The plan of a search: a recipe and a space that fit each other, and the plan of each trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genkit.errors import Place, Problem, RecipeError, UsageError
from genkit.near_miss import near_miss
from genkit.recipe.changed_keys import with_weight
from genkit.recipe.installed.registry import Registry, load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import PLACES_OF_DATA
from genkit.recipe.text.overrides import parted
from genkit.runs.training.evaluate_during_training import metrics_during_training
from genkit.tables.cells import Cell
from genkit.tables.experiment import Experiment
from genkit.tuning.axis import Axis
from genkit.tuning.read_space import Space, read_space
from genkit.tuning.space import Better, SpaceSpec
from genkit.tuning.space_checks import axes_of


@dataclass(frozen=True)
class SearchPlan:
    """A search that has been checked. Nothing has been trained or written yet."""

    recipe: Path
    overrides: tuple[str, ...]  # of ``--set``: they hold for all trials
    base: Plan  # of the recipe, without any value of the space
    space: Space
    axes: tuple[Axis, ...]
    better: Better
    registry: Registry

    @property
    def spec(self) -> SpaceSpec:
        """The content of the space file."""
        return self.space.spec

    @property
    def protocol(self) -> str:
        """How every trial measures the metric."""
        return str(self.base.protocols[self.spec.metric])

    @property
    def identity(self) -> dict[str, Any]:
        """What the values of trials and the order of their keys depend on. Searches of different ones share nothing.

        The place of the data is none of it: their fingerprint says whether they are the same.
        """
        space = {key: value for key, value in self.space.document.tables.items() if key not in ("title", "trials")}
        recipe = with_weight(self.base.resolved, self.base.stopping)
        recipe = {key: value for key, value in recipe.items() if key != "seed"}  # the space has the seeds
        recipe["metrics"] = {self.spec.metric: self.base.resolved["metrics"][self.spec.metric]}
        if self.spec.pruner != "none":
            recipe["evaluate"] = {"every": self.base.resolved["evaluate"]["every"]}
        return {"space": space, "recipe": without_places(recipe)}

    def overrides_of(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the overrides of a trial, given the stored values of its keys."""
        return (*self.overrides, *(each for axis in self.axes for each in axis.overrides(params[axis.name])))

    def plan_trial(self, params: Mapping[str, Any]) -> Plan:
        """Return the plan of a trial, after a dry run. Raises `RecipeError` if its values do not go together."""
        plan = self._plan(self.overrides_of(params), try_step=True)
        if problem := _other_protocol(self.base, plan, self.spec.metric):
            raise RecipeError([Problem(self.space.document.place(("metric",)), problem)])
        return plan

    def experiments_of(self, number: int, params: Mapping[str, Any], plan: Plan) -> list[Experiment]:
        """Return the runs of a trial, one for each seed."""
        cell = Cell(f"trial-{number}", self.recipe.stem, self.recipe, self.overrides_of(params))
        return [Experiment(cell, seed, plan) for seed in self.spec.seeds]

    def _plan(self, overrides: Sequence[str], *, try_step: bool) -> Plan:
        return make_plan(self.recipe, overrides=overrides, registry=self.registry, try_step=try_step)


def without_places(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without the keys that say where the data are."""
    return {**recipe, "data": {key: value for key, value in recipe["data"].items() if key not in PLACES_OF_DATA}}


def plan_search(
    recipe: Path, overrides: Sequence[str], space_file: Path, registry: Registry | None = None
) -> SearchPlan:
    """Read a recipe and a space, and check that they fit each other.

    The ends of each range and every listed value are planned, with the other keys as the recipe has them. Raises
    `UsageError` with all mistakes: of the space, of the recipe, then of both together.
    """
    registry = registry or load_registry()
    space = read_space(space_file, registry)
    base = make_plan(recipe, overrides=overrides, registry=registry)
    axes = tuple(axes_of(space.spec))
    problems = [*_metric(base, space), *_absent_tables(base, space, axes), *_set_twice(overrides, space, axes)]
    if problems:
        raise RecipeError(problems)
    better = base.metrics[space.spec.metric].better or space.spec.direction
    assert better is not None  # `_metric` requires one
    search = SearchPlan(recipe, tuple(overrides), base, space, axes, better, registry)
    if problems := [*_refused_values(search)]:
        raise RecipeError(problems)
    return search


def _metric(base: Plan, space: Space) -> Iterator[Problem]:
    """Find a metric that cannot decide a search."""
    spec, place = space.spec, space.document.place
    label = spec.metric
    if label not in base.metrics:
        known = near_miss(label, base.metrics) if base.metrics else " The recipe has no [metrics]."
        yield Problem(place(("metric",)), f'the recipe has no metric "{label}".{known}')
        return
    declared = base.metrics[label].better
    if declared is None and spec.direction is None:
        text = f'missing (neither direction of "{label}" is better by itself). Add direction = "lower" or "higher".'
        yield Problem(place(("direction",)), text)
    if declared is not None and spec.direction not in (None, declared):
        text = f'found "{spec.direction}", but {declared} values of "{label}" are better. Remove direction.'
        yield Problem(place(("direction",)), text)
    if spec.pruner == "none":
        return
    if base.recipe.evaluate is None:
        text = f'"{spec.pruner}" needs evaluations during training. Add [evaluate] to the recipe, or remove pruner.'
        yield Problem(place(("pruner",)), text)
    elif label not in metrics_during_training(base):
        text = f'"{label}" is not evaluated during training. Add it to metrics of [evaluate] in the recipe.'
        yield Problem(place(("pruner",)), text)


def _absent_tables(base: Plan, space: Space, axes: Sequence[Axis]) -> Iterator[Problem]:
    """Find keys in tables that the recipe does not have: setting one would add the table to every trial."""
    for axis, key, path in _keys_of(axes):
        tables: Any = base.resolved  # {} within a text or a number, which `with_override` judges
        for length, name in enumerate(path[:-1], 1):
            tables = tables.get(name) if isinstance(tables, Mapping) else {}
            if tables is None:
                text = f"{key}: the recipe has no [{'.'.join(path[:length])}]. Add that table, or remove the key."
                yield Problem(space.document.place(("keys", axis.name)), text)
                break


def _set_twice(overrides: Sequence[str], space: Space, axes: Sequence[Axis]) -> Iterator[Problem]:
    given = {parted(override, "train.steps=500")[0]: override for override in overrides}
    for axis, _, path in _keys_of(axes):
        if path in given:
            text = f"also set by --set {given[path]}, which would have no effect. Remove one of them."
            yield Problem(space.document.place(("keys", axis.name)), text)


def _refused_values(search: SearchPlan) -> Iterator[Problem]:
    """Plan the ends of each range and each listed value. Yield what is wrong with a value by itself.

    A value that only another searched key could make right is no mistake of the space: such trials fail one by one.
    """
    found: dict[str, Problem] = {}
    for axis in search.axes:
        for key, kept in axis.probes():
            for problem in _problems_of(search, axis, kept):
                if (placed := _placed_in_space(problem, axis, key, kept, search)) is not None:
                    found.setdefault(str(placed), placed)
    yield from found.values()


def _problems_of(search: SearchPlan, axis: Axis, kept: Any) -> list[Problem]:
    try:
        plan = search._plan((*search.overrides, *axis.overrides(kept)), try_step=False)
    except RecipeError as error:
        return list(error.problems)
    except UsageError as error:  # an override of a key within a value that is no table
        return [Problem(Place("--set", None, axis.paths[0]), str(error))]
    text = _other_protocol(search.base, plan, search.spec.metric)
    return [Problem(Place("--set", None, axis.paths[0]), text)] if text else []


def _placed_in_space(problem: Problem, axis: Axis, key: str, kept: Any, search: SearchPlan) -> Problem | None:
    """Return the problem of a probed value with its place in the space; None if other searched keys may cause it."""
    found = problem.place.path
    if problem.place.file != "--set" or not any(found[: len(path)] == path for path in axis.paths):
        if len(search.axes) > 1:
            return None
        text = f"{', '.join(axis.overrides(kept))} is refused: {problem}"
        return Problem(search.space.document.place(("keys", axis.name, key)), text)
    unknown = problem.text.startswith("unknown key")
    path = ("keys", axis.name) if unknown else ("keys", axis.name, key)
    named = f"{'.'.join(found)}: " if unknown and ".".join(found) != axis.name else ""
    return replace(problem, place=search.space.document.place(path), text=named + problem.text)


def _keys_of(axes: Sequence[Axis]) -> Iterator[tuple[Axis, str, tuple[str, ...]]]:
    for axis in axes:
        for key, path in zip(axis.keys, axis.paths, strict=True):
            yield axis, key, path


def _other_protocol(base: Plan, plan: Plan, label: str) -> str:
    """Return why a trial's metric cannot be compared with that of the recipe; empty if it can."""
    if label not in plan.protocols:
        return f'the trial has no metric "{label}".'
    if (
        base.recipe.metrics[label].name != plan.recipe.metrics[label].name
        or base.resolved["data"] != plan.resolved["data"]
    ):
        return f'the trial measures "{label}" in another way, so its number cannot be compared.'
    before, after = base.protocols[label].comparable, plan.protocols[label].comparable
    if before == after:
        return ""
    return f'changes the protocol of "{label}", so the numbers of trials cannot be compared: {before}; and {after}.'
