"""What `run` and `resume` share: train in a folder, tell of it, and say what to do next."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack
from pathlib import Path

import torch

from genkit.cli.show_results import print_results
from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.errors import Diverged, GenkitError, Interrupted, RunError, UsageError
from genkit.evaluation.evaluate import Result
from genkit.parts.datasets.pictures.skipped_pictures import skipped_before_training, skipped_during_training
from genkit.recipe.plan import Plan
from genkit.runs.evaluate_during_training import evaluations_of
from genkit.runs.run_folder import RunFolder, step_of
from genkit.runs.train import train_in_folder
from genkit.storage.os_errors import describe_os_error


def train_in(folder: RunFolder, plan: Plan, world: World, console: Console, as_json: bool) -> None:
    """Train in the folder, from wherever it stands, and print the numbers and the next commands."""
    go_on = f"Go on with: genkit resume {shlex.quote(str(folder.path))}"
    go_on += f" --processes {world.size}" if world.size > 1 else ""
    try:
        with ExitStack() as held:
            # Through `on_main`, so that a run in use is refused on every process: one that went on alone would wait.
            world.on_main(lambda: held.enter_context(folder.locked()))
            splits = plan.data, plan.data.held_out()
            console.info(*skipped_before_training(*splits))
            held.callback(lambda: console.info(*skipped_during_training(*splits)))  # however it ends
            progress = held.enter_context(console.progress(plan.steps))
            results = train_in_folder(plan, folder, world, progress)
    except GenkitError as error:
        world.close()  # raised on every process; what follows may be on this one alone, and must not wait for others
        if isinstance(error, Interrupted):
            raise Interrupted(f"{error} {go_on}") from None
        if isinstance(error, Diverged):
            raise Diverged(f"{error} The run is {folder.path}.") from None
        if isinstance(error, RunError):
            raise RunError(f"{error}\nThe recipe that the run goes on with is {folder.resolved}. {go_on}") from error
        raise
    except KeyboardInterrupt:  # before the loop, in the evaluation, or asked twice
        raise Interrupted(f"stopped at once. {go_on}") from None
    except OSError as error:
        place = Path(error.filename or folder.path)
        raise RunError(
            f"{place}: {describe_os_error(error, place)}. Checkpoints already written are kept. {go_on}"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "allocate memory" not in str(error):
            raise
        raise UsageError(
            f"out of memory: {str(error).splitlines()[0]} A smaller [model] or batch_size, or accumulate, takes less; "
            "`genkit plan` counts it."
        ) from None

    world.close()
    if world.is_main:
        print_finished_run(folder, plan, results, console, as_json)


def print_finished_run(folder: RunFolder, plan: Plan, results: list[Result], console: Console, as_json: bool) -> None:
    """Print the numbers of a finished run, its pictures, and the next commands."""
    if as_json:
        print(json.dumps({"run": str(folder.path), "results": [result.as_dict() for result in results]}))
        return
    print_results(results, console)
    pictures = sorted(folder.samples.glob(f"step-{plan.steps:08d}*.png"))
    pictures += [*sorted(folder.figures.glob("*.png")), folder.curves]
    console.info("pictures  " + "\n          ".join(str(path) for path in pictures))
    console.print(f"run       {folder.path}")
    if plan.recipe.evaluate is not None and (label := plan.recipe.evaluate.best) is not None:
        console.print(f"best      {describe_best(folder, label)}")
    console.info(f"next      genkit sample {shlex.quote(str(folder.path))}")
    console.info(f"          genkit eval {shlex.quote(str(folder.path))}")


def describe_best(folder: RunFolder, label: str) -> str:
    """Say where the weights of the best step are, or why there are none: a step without a number is not the best."""
    if (step := step_of(folder.best)) is not None:
        return f"{folder.best}, step {step} by {label}"
    evaluated = evaluations_of(folder)
    refused = next((each.reason for one in reversed(evaluated) for each in one.results if each.label == label), "")
    return f"none: {label} was refused at each of {len(evaluated)} evaluations, at last because {refused}"
