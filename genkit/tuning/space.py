"""A space file: the keys of a recipe to search, the metric that decides, and how the trials are chosen.

The fields of `SpaceSpec` are the keys of the file. `genkit.tuning.read_space` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from genkit.core.field_types import Doc, NonNegativeInt, PositiveInt

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class KeySpec:
    """``[keys."TABLE.KEY"]``: the values of one key, either a range or a list."""

    low: Annotated[
        int | float | None, Doc("Lowest value; two integers search integers, so write 16.0 for a float.")
    ] = None
    high: Annotated[int | float | None, Doc("Highest value, included.")] = None
    log: Annotated[
        bool, Doc("Whether to search the logarithm of the value; equal factors are then equally likely.")
    ] = False
    step: Annotated[
        int | float | None,
        Doc("Distance of neighbouring values; with log, which needs the sampler grid, their factor."),
    ] = None
    values: Annotated[
        list[Any], Doc('Values in place of a range: numbers, texts, booleans, lists or tables; "" removes the key.')
    ] = field(default_factory=list)
    also: Annotated[list[str], Doc("Other keys of the recipe that get the same value.")] = field(default_factory=list)


@dataclass(frozen=True)
class SpaceSpec:
    """The content of a space file."""

    title: Annotated[str, Doc("Title of the search, shown on its picture.")]
    metric: Annotated[str, Doc("Label of the metric of the recipe that decides.")]
    seeds: Annotated[
        list[NonNegativeInt], Doc("Seeds of training; each trial is trained once with each, and their mean counts.")
    ]
    keys: Annotated[Mapping[str, KeySpec], Doc('Searched keys of the recipe, such as [keys."loss.beta_neg"].')]
    trials: Annotated[
        PositiveInt | None, Doc("Number of trials; the sampler grid takes all its points, and no number.")
    ] = None
    sampler: Annotated[
        Literal["tpe", "random", "grid"],
        Doc('How the next trial is chosen: "tpe" learns from earlier trials, its first 10 are random.'),
    ] = "tpe"
    pruner: Annotated[
        Literal["none", "median", "hyperband"],
        Doc("Which trials stop early, by the evaluations of their first seed during training."),
    ] = "none"
    direction: Annotated[Better | None, Doc("Direction of better values, for a metric that declares none itself.")] = (
        None
    )
    sampler_seed: Annotated[NonNegativeInt, Doc("Seed of the sampler; another seed tries other values.")] = 0
