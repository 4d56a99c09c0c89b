"""``genkit run RECIPE``: train."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json, Overrides, Processes, Quiet, RecipePath, StandIn
from genkit.cli.planned import planned


def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    stand_in: StandIn = False,
    runs: Annotated[Path, typer.Option("--runs", metavar="FOLDER", help="Where run folders are made.")] = Path("runs"),
    processes: Processes = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe; prints its plan first, its numbers, its run folder and the next commands last."""
    from genkit.cli.launch import launch_if_several
    from genkit.cli.show_plan import print_plan
    from genkit.cli.training import train_in
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.errors import UsageError
    from genkit.runs.run_folder import RunFolder

    plan = planned(recipe, overrides, stand_in=stand_in)
    plan.check_met()
    read_data(plan)
    launch_if_several(plan, processes)
    world = World(plan.recipe.train.precision)
    console = Console(silent=not world.is_main, quiet=quiet or json)
    print_plan(plan, console)

    make = partial(RunFolder.create, runs, plan.document, dict(plan.resolved), plan.owners)
    folder = RunFolder(world.on_main(lambda: make().path))
    try:
        train_in(folder, plan, world, console, json)
    except UsageError:  # unreadable data, a batch that does not divide, ...: known only now, and nothing was trained
        if world.is_main and not folder.saved_steps() and not folder.lines():
            shutil.rmtree(folder.path)
        raise
