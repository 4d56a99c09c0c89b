"""The plan of a recipe with the overrides of a command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genkit.launched import refuse_other_engines

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan


def plan_for_command(recipe: Path, overrides: list[str] | None, *, stand_in: bool = False) -> Plan:
    """Return the plan of a recipe, with `stand_in` on generated data of the shape that its own data declare.

    Raises `RecipeError` with all that is wrong, and `UsageError` if a launcher asks for another engine.
    """
    from genkit.recipe.plan import make_plan
    from genkit.recipe.text.document_of import document_of
    from genkit.recipe.trial.stand_in import with_stand_in

    refuse_other_engines()
    document = document_of(recipe, tuple(overrides or ()))
    return make_plan(with_stand_in(document) if stand_in else document)
