"""``genkit plan RECIPE``: what a recipe would do."""

from __future__ import annotations

import json as json_format

from genkit.cli.options import Json, Overrides, RecipePath, StandIn
from genkit.cli.planned import planned


def plan(recipe: RecipePath, overrides: Overrides = None, stand_in: StandIn = False, json: Json = False) -> None:
    """Show the assembled parts and who supplies them, the phases, the costs, and where each key came from."""
    from genkit.cli.show_plan import plan_as_dict, print_keys, print_plan
    from genkit.console.output import Console

    assembled = planned(recipe, overrides, stand_in=stand_in)
    if json:
        print(json_format.dumps(plan_as_dict(assembled)))
        return
    console = Console()
    print_plan(assembled, console)
    print_keys(assembled, console)
