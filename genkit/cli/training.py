"""Training in a run folder, shared by `genkit run` and `genkit resume`."""

from __future__ import annotations

from contextlib import ExitStack

from genkit.bases.pictures.skipped_pictures import skipped_before_training, skipped_during_training
from genkit.bases.pictures.unfit_levels import remarks_on_levels
from genkit.cli.show.show_run import print_finished_run
from genkit.console.output import Console
from genkit.console.streams import excuse_lost_output
from genkit.core.result import Result
from genkit.engine.distributed import World
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.next_step import Commands, with_next_step
from genkit.runs.training.progress_on_console import ProgressOnConsole
from genkit.runs.training.train import train_in_folder


def train_and_print(folder: RunFolder, plan: Plan, world: World, console: Console, as_json: bool, workers: int) -> None:
    """Train in the folder from its newest checkpoint to the end, then print the results and the next commands."""
    with with_next_step(folder, plan, world, Commands(world.size)):
        results = _train(folder, plan, world, console, workers)
    world.close()
    if world.is_main:
        print_finished_run(folder, plan, results, console, as_json)
        excuse_lost_output()  # the run folder has all of it


def _train(folder: RunFolder, plan: Plan, world: World, console: Console, workers: int) -> list[Result]:
    """Hold the lock of the folder, show the progress, and train. Print which pictures were skipped, however it ends."""
    with ExitStack() as stack:
        # Lock through `on_main`: if the run is in use, every process stops, and none waits for the main one.
        world.on_main(lambda: stack.enter_context(folder.locked()))
        splits = plan.data, plan.data.held_out()
        console.remarks(*skipped_before_training(*splits), *remarks_on_levels(*splits))
        stack.callback(lambda: console.remarks(*skipped_during_training(*splits)))
        progress = ProgressOnConsole(console)
        return train_in_folder(plan, folder, world, progress, workers=workers)
