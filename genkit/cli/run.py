"""``genkit run RECIPE``: train a recipe in a new run folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.cli.options import Json, Overrides, Processes, Quiet, RecipePath, Runs, StandIn, Threads, Workers
from genkit.cli.plan_for_command import plan_for_command
from genkit.errors import UsageError
from genkit.launched import is_main_process

if TYPE_CHECKING:
    from genkit.runs.run_folder import RunFolder


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

    from genkit.cli.inputs import print_remark
    from genkit.cli.launch import must_launch, train_on_processes
    from genkit.cli.show_plan import print_plan
    from genkit.cli.training import train_and_print
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.engine.threads import choose_threads, remark_on_cores
    from genkit.engine.workers import choose_workers
    from genkit.runs.run_folder import RunFolder

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
        with _nothing_left_if_nothing_is_trained(folder):
            train_on_processes(folder, processes, chosen.number, loading.number, json, quiet)
        return
    folder = RunFolder(world.on_main(lambda: make().path))
    with _nothing_left_if_nothing_is_trained(folder) if world.is_main else nullcontext():
        train_and_print(folder, plan, world, console, json, loading.number)


@contextmanager
def _nothing_left_if_nothing_is_trained(folder: RunFolder) -> Iterator[None]:
    """Delete the folder of a run that only training finds to be wrong, for example because data cannot be read."""
    try:
        yield
    except (UsageError, SystemExit) as end:
        wrong = isinstance(end, UsageError) or end.code == UsageError.exit_code
        if wrong and not folder.saved_steps() and not folder.lines():
            shutil.rmtree(folder.path)
        raise
