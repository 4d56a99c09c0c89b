"""``genkit plan RECIPE``: what a recipe would do."""

from __future__ import annotations

import json as json_format

from genkit.cli.options import Json, Overrides, RecipePath


def plan(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Show the assembled parts and who supplies them, the phases, the costs, and where each key came from."""
    from genkit.plan import make_plan
    from genkit.report.plan import plan_as_dict, print_keys, print_plan
    from genkit.report.terminal import Voice

    assembled = make_plan(recipe, overrides=tuple(overrides or ()))
    if json:
        print(json_format.dumps(plan_as_dict(assembled)))
        return
    voice = Voice()
    print_plan(assembled, voice)
    print_keys(assembled, voice)
