"""``genkit run RECIPE``: train."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json, Overrides, Processes, Quiet, RecipePath


def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="FOLDER", help="Where run folders are made.")] = Path("runs"),
    processes: Processes = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe; prints its plan first, its numbers, its run folder and the next commands last."""
    from genkit.cli.launch import launch_if_several
    from genkit.engine.feed import read_data
    from genkit.engine.world import World
    from genkit.errors import UsageError
    from genkit.folder import RunFolder
    from genkit.plan import make_plan
    from genkit.report.plan import print_plan
    from genkit.report.terminal import Voice
    from genkit.session import train_in

    plan = make_plan(recipe, overrides=tuple(overrides or ()))
    plan.check_met()
    read_data(plan)
    launch_if_several(plan, processes)
    world = World(plan.recipe.train.precision)
    voice = Voice(silent=not world.is_main, quiet=quiet or json)
    print_plan(plan, voice)

    make = partial(RunFolder.create, runs, plan.document, dict(plan.resolved), plan.owners)
    folder = RunFolder(world.on_main(lambda: make().path))
    try:
        train_in(folder, plan, world, voice, json)
    except UsageError:  # unreadable data, a batch that does not divide, ...: known only now, and nothing was trained
        if world.is_main and not folder.saved_steps() and not folder.lines():
            shutil.rmtree(folder.path)
        raise
