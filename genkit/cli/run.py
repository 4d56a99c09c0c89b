"""``genkit run RECIPE``: train a recipe in a new run folder."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path

from genkit.cli.arguments.options import Json, Overrides, Processes, Quiet, RecipePath, Runs, StandIn, Threads, Workers
from genkit.cli.plan_for_command import plan_for_command
from genkit.launched import is_main_process


def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    stand_in: StandIn = False,
    runs: Runs = Path("runs"),
    processes: Processes = 1,
    threads: Threads = None,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe in a new run folder.

    The plan comes first, then the progress and the results, and last the run folder and the next commands.
    """
    import torch

    from genkit.cli.launch import must_launch, train_on_processes
    from genkit.cli.places.inputs import print_remark
    from genkit.cli.training import train_and_print
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.engine.threads import choose_threads, remark_on_cores
    from genkit.engine.workers import choose_workers
    from genkit.runs.on_disk.run_folder import RunFolder
    from genkit.runs.plan_report import print_plan
    from genkit.runs.training.untrained import nothing_left_if_nothing_is_trained

    plan = plan_for_command(recipe, overrides, stand_in=stand_in)
    plan.check_met()
    read_data(plan)
    launching = must_launch(plan, processes)
    world = None if launching else World(plan.recipe.train.precision)
    console = Console(silent=not is_main_process(), quiet=quiet or json)
    chosen = choose_threads(plan, threads, processes if launching else 1)
    torch.set_num_threads(chosen.number)
    loading = choose_workers(plan, chosen.number, workers, processes if launching else None)
    print_plan(plan, chosen, loading, console)
    if is_main_process():
        print_remark(remark_on_cores(chosen.number, processes if launching else 1))

    make = partial(RunFolder.create, runs, plan.document, dict(plan.resolved), plan.notes)
    if world is None:
        folder = make()
        with nothing_left_if_nothing_is_trained(folder):
            train_on_processes(folder, processes, chosen.number, loading.number, json, quiet)
        return
    folder = RunFolder(world.on_main(lambda: make().path))
    with nothing_left_if_nothing_is_trained(folder) if world.is_main else nullcontext():
        train_and_print(folder, plan, world, console, json, loading.number)
