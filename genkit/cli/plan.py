"""``genkit plan RECIPE``: the parts, phases and costs of a recipe, without a run."""

from __future__ import annotations

import json as json_format

from genkit.cli.arguments.options import Json, Overrides, RecipePath, StandIn
from genkit.cli.plan_for_command import plan_for_command


def plan(recipe: RecipePath, overrides: Overrides = None, stand_in: StandIn = False, json: Json = False) -> None:
    """Show the parts, phases, costs and keys of a recipe.

    Nothing is trained or written. Each key is listed with the place where it was set. What this machine lacks, such as
    the data, comes last, and the exit code is 1 then: the recipe may be run elsewhere. It is 2 if the recipe is wrong.
    """
    from genkit.console.output import Console
    from genkit.engine.threads import choose_threads
    from genkit.engine.workers import choose_workers
    from genkit.errors import Unmet
    from genkit.runs.plan_report import VALID, plan_as_dict, print_keys, print_plan, print_unmet

    assembled = plan_for_command(recipe, overrides, stand_in=stand_in)
    threads = choose_threads(assembled)
    workers = choose_workers(assembled, threads.number)
    if json:
        print(json_format.dumps(plan_as_dict(assembled, threads, workers)))
    else:
        console = Console()
        print_plan(assembled, threads, workers, console)
        print_keys(assembled, console)
        print_unmet(assembled, console)
    if unmet := (*assembled.unmet, *assembled.unmet_start):
        raise Unmet("\n".join((f"unmet: {VALID}:", *unmet)))
