"""Checks that the keys of a space file agree with each other; those that need the recipe are in `planning`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from genkit.errors import Problem
from genkit.recipe.tables import WITHOUT_WEIGHT
from genkit.recipe.text.document import Document
from genkit.tables.cells import covers
from genkit.tuning.axis import CLOSE, Axis, stored
from genkit.tuning.space import KeySpec, SpaceSpec

UNSEARCHABLE = frozenset({"data", "metrics", "seed", *WITHOUT_WEIGHT})  # tables, and keys without one
MOST_POINTS = 10_000  # of a grid
CHANGES_NUMBERS = "numbers of its trials could not be compared. Remove it; change it in the recipe instead."


def check_space(space: SpaceSpec, document: Document) -> list[Problem]:
    """Return all problems of a space, each with its line in the document."""
    problems = [*_keys(space, document), *_seeds(space, document)]
    return problems or [*_trials(space, document)]  # a grid is counted only if its keys are right


def axes_of(space: SpaceSpec) -> list[Axis]:
    """Return the searched keys, in the order of the file."""
    return [Axis(name, spec) for name, spec in space.keys.items()]


def _keys(space: SpaceSpec, document: Document) -> Iterator[Problem]:
    if not space.keys:
        yield Problem(document.place(("keys",)), "empty; a search needs at least one key.")
    for name, spec in space.keys.items():
        for key, text in [*_values(name, spec, space.sampler), *_unsearchable(name, spec)]:
            path = ("keys", name, key) if key else ("keys", name)
            yield Problem(document.place(path), text)
    owners = [(key, name) for name, spec in space.keys.items() for key in (name, *spec.also)]
    for (one, _), (other, name) in combinations(owners, 2):
        if covers(one, other) or covers(other, one):
            yield Problem(document.place(("keys", name)), f"sets {other}, but this space also sets {one}. Remove one.")


def _values(name: str, spec: KeySpec, sampler: str) -> Iterator[tuple[str, str]]:
    """Yield the wrong keys of one searched key, each with its problem."""
    if spec.values:
        given = [key for key in ("low", "high", "step") if getattr(spec, key) is not None] + ["log"] * spec.log
        if given:
            yield given[0], "not possible with values. Remove one of them."
        kept = [stored(value) for value in spec.values]
        if repeated := [value for number, value in enumerate(kept) if value in kept[:number]]:
            yield "values", f"{repeated[0]} is listed twice."
        if len(kept) < 2:
            yield "values", "has one value; a search needs two."
        return
    if spec.low is None or spec.high is None:
        lacking = "low" if spec.low is None else "high"
        yield "", f"has no {lacking}. Give low and high, or values."
        return
    yield from _range(spec.low, spec.high, spec, sampler)


def _range(low: float, high: float, spec: KeySpec, sampler: str) -> Iterator[tuple[str, str]]:
    whole = isinstance(low, int) and isinstance(high, int)
    if isinstance(low, int) != isinstance(high, int):
        yield (
            "low",
            f"found {low} and {high}, expected two integers or two floats. Write {float(low)} and {float(high)}, or "
            "two whole numbers if the key takes integers.",
        )
    elif low >= high:
        yield "high", f"found {high}, expected a value above low = {low}."
    elif spec.log and low <= 0:
        yield "low", f"found {low}, expected a value above 0, since the key has log = true."
    elif spec.step is None:
        if sampler == "grid" and not (whole and not spec.log):
            how = "the factor of neighbouring values" if spec.log else "the distance of neighbouring values"
            yield "", f'the sampler "grid" needs {how}. Add step, or list values.'
    elif spec.log and sampler != "grid":
        yield "step", f'not possible with log and the sampler "{sampler}". Remove step, or list values.'
    elif spec.log and spec.step <= 1:
        yield "step", f"found {spec.step}, expected a factor above 1, since the key has log = true."
    elif spec.step <= 0:
        yield "step", f"found {spec.step}, expected a value above 0."
    elif whole and not isinstance(spec.step, int):
        yield "step", f"found {spec.step}, expected an integer, since low and high are integers."
    elif spec.log and not _is_near_whole(factors := math.log(high / low, spec.step)):
        last = low * spec.step ** math.floor(factors)
        text = f"low and high are {factors:.6g} factors apart, expected a whole number. Write high = {last:.6g}."
        yield "step", text if last > low else f"found {spec.step}, expected a factor of at most {high / low:.6g}."
    elif not spec.log and not _is_near_whole(steps := (high - low) / spec.step):
        last = low + math.floor(steps) * spec.step
        yield "step", f"low and high are {steps:.6g} steps apart, expected a whole number. Write high = {last:.6g}."


def _is_near_whole(number: float) -> bool:
    return abs(number - round(number)) <= CLOSE * max(1.0, abs(number)) and round(number) >= 1


def _unsearchable(name: str, spec: KeySpec) -> Iterator[tuple[str, str]]:
    """Yield keys whose trials could not be compared, or would all be equal."""
    for key in (name, *spec.also):
        table, place = key.partition(".")[0], "" if key == name else "also"
        if table == "data":
            yield place, f"{key} changes the data, so the {CHANGES_NUMBERS}"
        elif table == "metrics":
            yield place, f"{key} changes how a metric is measured, so the {CHANGES_NUMBERS}"
        elif table == "seed":
            yield place, "the seeds of the space decide it. Remove it."
        elif table in WITHOUT_WEIGHT:
            yield place, f"{key} changes no weight, so all trials would be equal. Remove it."


def _seeds(space: SpaceSpec, document: Document) -> Iterator[Problem]:
    if not space.seeds:
        yield Problem(document.place(("seeds",)), "empty; a trial needs at least one seed.")
    for seed in sorted({seed for seed in space.seeds if space.seeds.count(seed) > 1}):
        yield Problem(document.place(("seeds",)), f"{seed} is listed twice.")


def _trials(space: SpaceSpec, document: Document) -> Iterator[Problem]:
    if space.sampler != "grid":
        if space.trials is None:
            text = f'missing (the sampler "{space.sampler}" needs a number of trials). Add trials = 20.'
            yield Problem(document.place(("trials",)), text)
        return
    points = math.prod(len(axis.grid()) for axis in axes_of(space))
    if points > MOST_POINTS:
        text = f'the grid has {points:,} points. Use larger steps, or the sampler "tpe" with a number of trials.'
        yield Problem(document.place(("keys",)), text)
    elif space.trials not in (None, points):
        text = f"found {space.trials}, but the grid has {points} points and trains all of them. Remove trials."
        yield Problem(document.place(("trials",)), text)
