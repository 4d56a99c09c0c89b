"""One searched key: its values as a recipe, as Optuna and as a grid hold them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genkit.recipe.binding.values import in_toml
from genkit.recipe.text.document import KeyPath
from genkit.tuning.space import KeySpec

CLOSE = 1e-9  # relative; a range may miss a whole number of steps by rounding


@dataclass(frozen=True)
class Axis:
    """A searched key with its specification."""

    name: str  # the dotted key
    spec: KeySpec

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of the recipe that get the value."""
        return (self.name, *self.spec.also)

    @property
    def paths(self) -> tuple[KeyPath, ...]:
        """The paths of these keys."""
        return tuple(tuple(part.strip() for part in key.split(".")) for key in self.keys)

    @property
    def is_range(self) -> bool:
        """Whether the values are a range."""
        return not self.spec.values

    @property
    def is_whole(self) -> bool:
        """Whether the range is one of integers."""
        return all(isinstance(end, int) for end in (self.spec.low, self.spec.high))

    def grid(self) -> list[Any]:
        """Return the values of a grid, in the form that Optuna stores. The specification has been checked."""
        if not self.is_range:
            return list(self.choices())
        low, high = self.ends
        step = self.spec.step or 1
        if not self.spec.log:
            return [low + number * step for number in range(round((high - low) / step) + 1)]
        values = [low * step**number for number in range(round(math.log(high / low, step)))]
        return [*values, high] if self.is_whole else [*map(float, values), float(high)]  # to the bit, not by powers

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The lowest and the highest value of a range."""
        assert self.spec.low is not None and self.spec.high is not None  # `check_space` requires both
        return self.spec.low, self.spec.high

    def choices(self) -> dict[Any, Any]:
        """Return the listed values by the form that Optuna stores: a scalar, or the TOML of a list or a table."""
        return {stored(value): value for value in self.spec.values}

    def value_of(self, kept: Any) -> Any:
        """Return the value that a stored one stands for."""
        return kept if self.is_range else self.choices()[kept]

    def overrides(self, kept: Any) -> tuple[str, ...]:
        """Return a stored value as ``--set`` takes it, for each of the keys."""
        return tuple(f"{key}={in_toml(self.value_of(kept))}" for key in self.keys)

    def probes(self) -> Sequence[tuple[str, Any]]:
        """Return values to try before a search, with the key of the space that gives them: the ends, or all."""
        if self.is_range:
            return tuple(zip(("low", "high"), self.ends, strict=True))
        return tuple(("values", kept) for kept in self.choices())


def stored(value: Any) -> Any:
    """Return a value as Optuna can store it."""
    return value if isinstance(value, (bool, int, float, str)) else in_toml(value)
