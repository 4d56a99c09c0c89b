"""What the laws of a part may need besides the part: models of its plugin, and the recipe that uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.core.model import Model
from genkit.errors import RecipeError
from genkit.recipe.binding.bind import Binder
from genkit.recipe.binding.bind_recipe import BoundRecipe, bind_recipe
from genkit.recipe.installed.registry import Registry
from genkit.recipe.text.document import read

SHAPES = ((2,), (1, 32, 32), (3, 32, 32), (3, 64, 64))  # of samples, for models

Make = Callable[..., Any]


@dataclass(frozen=True)
class Around:
    """What the laws of a part may need besides the part."""

    registry: Registry
    models: Callable[[], Iterable[Model]]  # of the same plugin, small
    recipe: Path | None  # the one whose keys the part has

    def bound(self) -> BoundRecipe | None:
        """Return the parts of the recipe; None without one. Raises `GenkitError` if it has none."""
        if self.recipe is None:
            return None
        binder = Binder(self.registry, read(self.recipe))
        bound = bind_recipe(binder)
        if not isinstance(bound, BoundRecipe):
            raise RecipeError(binder.problems)
        return bound

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of samples that a model is tried with: small ones, then that of the recipe's data."""
        try:
            bound = self.bound()
        except Exception:  # its own parts report it
            return SHAPES
        return SHAPES if bound is None else (*SHAPES, bound.data_shape)


def small_models(makes: Iterable[Make]) -> Iterator[Model]:
    """Yield the models that these functions construct, in float64, for samples of a shape that each accepts."""
    for make in makes:
        yield from small_model(make, SHAPES)


def small_model(make: Make, shapes: Iterable[tuple[int, ...]]) -> Iterator[Model]:
    """Yield the model in float64 for the first of the shapes that it accepts; nothing if it accepts none."""
    for shape in shapes:
        try:
            yield make(data_shape=shape).double()
        except Exception:  # its own laws report it
            continue
        return
