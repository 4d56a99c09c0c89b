"""Training in a run folder, shared by `genkit run` and `genkit resume`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from genkit.bases.pictures.skipped_pictures import skipped_before_training, skipped_during_training
from genkit.bases.pictures.unfit_levels import remarks_on_levels
from genkit.cli.show_progress import ProgressOnConsole
from genkit.cli.show_run import print_finished_run
from genkit.console.output import Console
from genkit.console.streams import excuse_lost_output
from genkit.core.result import Result
from genkit.engine.distributed import World
from genkit.engine.part_calls import describe_out_of_memory, is_out_of_memory
from genkit.errors import Diverged, GenkitError, Interrupted, ProcessLost, RunError, UsageError
from genkit.recipe.plan import Plan
from genkit.runs.run_folder import RunFolder
from genkit.runs.train import train_in_folder
from genkit.storage.os_errors import describe_os_error


def train_and_print(folder: RunFolder, plan: Plan, world: World, console: Console, as_json: bool, workers: int) -> None:
    """Train in the folder from its newest checkpoint to the end, then print the results and the next commands."""
    with _with_next_step(folder, plan, world):
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
        console.info(*skipped_before_training(*splits), *remarks_on_levels(*splits))
        stack.callback(lambda: console.info(*skipped_during_training(*splits)))
        progress = ProgressOnConsole(console)
        return train_in_folder(plan, folder, world, progress, workers=workers)


@contextmanager
def _with_next_step(folder: RunFolder, plan: Plan, world: World) -> Iterator[None]:
    """Add the run and the next command to an error of the block. An unknown error keeps its traceback."""
    try:
        yield
    except GenkitError as error:
        if not error.alone:  # every process raises this error; the next one may be raised by one process only
            with suppress(ProcessLost):
                world.close()
        explained = _explain(error, folder, world)
        explained.alone = error.alone
        raise explained from error.__cause__
    except KeyboardInterrupt:  # before the first step, in an evaluation, or a second Ctrl-C
        raise Interrupted(f"stopped immediately. {resume_command(folder, world.size)}") from None
    except OSError as error:
        place = Path(error.filename or folder.path)
        text = f"{place}: {describe_os_error(error, place)}. The checkpoints already written are kept. "
        raise _alone(RunError(text + resume_command(folder, world.size))) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        train = plan.recipe.train
        raise _alone(
            UsageError(
                f"{describe_out_of_memory(error)}\n[train] batch_size = {train.batch_size}, accumulate = "
                f"{train.accumulate}: use a smaller batch_size, a larger accumulate, or a smaller [model]. "
                "`genkit plan` estimates the memory."
            )
        ) from None


def _explain(error: GenkitError, folder: RunFolder, world: World) -> GenkitError:
    resume = resume_command(folder, world.size)
    match error:
        case Interrupted():
            return Interrupted(f"{error} {resume}")
        case ProcessLost():
            return ProcessLost(f"{error} The checkpoints already written are kept. {resume}")
        case Diverged():
            return Diverged(f"{error} {_after_divergence(folder)}")
        case RunError():
            return RunError(f"{error}\nThe recipe of this run is {folder.resolved}. {resume}")
        case _:
            return error


def _after_divergence(folder: RunFolder) -> str:
    """Return where the run is, and what can be done with it; a resume would diverge again."""
    path = shlex.quote(str(folder.path))
    if saved := folder.saved_steps():
        return f"The run folder is {folder.path}; `genkit eval {path}` evaluates its checkpoint of step {saved[-1]}."
    return (
        f"The run folder is {folder.path}. It has no checkpoint, and a resume would diverge again: start a new run "
        f"with `genkit run {shlex.quote(str(folder.resolved))} --set TABLE.KEY=VALUE`."
    )


def _alone(error: GenkitError) -> GenkitError:
    error.alone = True
    return error


def resume_command(folder: RunFolder, processes: int) -> str:
    """Return the sentence that tells how the run is continued."""
    several = f" --processes {processes}" if processes > 1 else ""
    return f"Continue with: genkit resume {shlex.quote(str(folder.path))}{several}"
