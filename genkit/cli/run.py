"""``genkit run RECIPE``: train a recipe in a new run folder."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from genkit.cli.options import Json, Overrides, Processes, Quiet, RecipePath, Runs, StandIn, Threads
from genkit.cli.plan_for_command import plan_for_command


def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    stand_in: StandIn = False,
    runs: Runs = Path("runs"),
    processes: Processes = 1,
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe in a new run folder.

    The plan comes first, then the progress and the results, and last the run folder and the next commands.
    """
    import torch

    from genkit.cli.launch import launch_if_several
    from genkit.cli.show_plan import print_plan
    from genkit.cli.training import train_and_print
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.engine.threads import choose_threads
    from genkit.errors import UsageError
    from genkit.runs.run_folder import RunFolder

    plan = plan_for_command(recipe, overrides, stand_in=stand_in)
    plan.check_met()
    read_data(plan)
    launch_if_several(plan, processes)
    world = World(plan.recipe.train.precision)
    console = Console(silent=not world.is_main, quiet=quiet or json)
    chosen = choose_threads(plan, threads)
    torch.set_num_threads(chosen.number)
    print_plan(plan, chosen, console)

    make = partial(RunFolder.create, runs, plan.document, dict(plan.resolved), plan.notes)
    folder = RunFolder(world.on_main(lambda: make().path))
    try:
        train_and_print(folder, plan, world, console, json)
    except UsageError:  # found only by training, such as data that cannot be read: leave no empty run folder
        if world.is_main and not folder.saved_steps() and not folder.lines():
            shutil.rmtree(folder.path)
        raise
