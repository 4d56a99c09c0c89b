"""The plan that a command line asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.plan import Plan

SIZE = 1024  # made-up samples at least


def planned(recipe: Path, overrides: list[str] | None, *, stand_in: bool = False) -> Plan:
    """Return the plan of a recipe; with `stand_in`, of one that has made-up data of the shape that its own have."""
    from genkit.plan import make_plan

    plan = make_plan(recipe, overrides=tuple(overrides or ()))
    if not stand_in:
        return plan
    size = max(SIZE, 2 * plan.recipe.train.batch_size)
    table = {"use": "stand-in", "shape": list(plan.data.shape), "size": size}
    return make_plan(replace(plan.document, tables={**plan.document.tables, "data": table}))
