"""Training from Python: new runs, and runs that go on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from genkit.console.output import Console
from genkit.core.callback import Callback
from genkit.launched import is_main_process
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.memory import MemoryData
from genkit.notebook.messages import naming_arguments
from genkit.notebook.plan import plan as make_readable_plan
from genkit.notebook.recipe import RecipeSource
from genkit.notebook.run import Run, open_run
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.callbacks_of_run import check_given
from genkit.runs.training.next_step import Calls
from genkit.runs.training.progress_on_console import ProgressOnConsole
from genkit.runs.training.resume import plan_of_run
from genkit.runs.training.train import resume as resume_folder
from genkit.runs.training.train import train as train_in_new_folder


@naming_arguments()
@checked_arguments()
def train(
    recipe: RecipeSource | Plan,
    runs: str | PathLike[str] = "runs",
    *,
    data: MemoryData | None = None,
    stand_in: bool = False,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    progress: bool = True,
) -> Run:
    """Train a recipe in a new run folder, and return the run.

    Args:
        recipe: A TOML file, the name of a shipped recipe, what `genkit.read_recipe` or `genkit.plan` has returned, or a
            `genkit.Recipe`.
        runs: The folder of the run folders.
        data: Samples in memory to train on in place of those of the recipe: `genkit.data_from`.
        stand_in: Whether to train on generated samples of the shape of the recipe's data instead of them.
        callbacks: Objects that follow the run, after the callbacks of the recipe. One that fails is dropped with a
            warning.
        workers: Number of processes that load the data, by default that of `genkit run`; the run is the same.
        progress: Whether to show the progress, in a terminal as a bar on standard error.

    The recipe and the data are checked before anything is written. Settings of the program are restored: signals,
    defaults of torch, states of random generators, and Accelerate. To interrupt the cell of a notebook, or to press
    Ctrl-C, saves the state and raises `Interrupted`, whose message says how to continue.

    Raises `RecipeError` with all mistakes of the recipe, `UsageError` for data that are missing or cannot be used, and
    `Diverged` if training is no longer finite.
    """
    check_given(callbacks)
    planned = make_readable_plan(recipe, data=data, stand_in=stand_in)
    step = Calls(with_data=planned.memory is not None)
    watching = [*callbacks, *_progress_shown(progress)]
    folder = train_in_new_folder(planned, runs, callbacks=watching, workers=workers, next_step=step)
    return Run(folder.path, planned.memory)


@naming_arguments()
@checked_arguments()
def resume(
    run: Run | str | PathLike[str],
    *,
    data: MemoryData | None = None,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    progress: bool = True,
) -> Run:
    """Continue a run from its newest checkpoint to the end, bit for bit, and return it.

    Nothing is done to a run that has finished. `data` are the samples of a run that was trained on samples in memory; a
    `Run` keeps them. The other arguments are those of `train`. Raises `UsageError` if the recipe or the data have
    changed since the run was trained.
    """
    check_given(callbacks)
    opened = open_run(run, data=data)
    folder = RunFolder(opened.path)
    with opened.reading_data():
        step = Calls(with_data=opened.memory is not None)
        watching = [*callbacks, *_progress_shown(progress)]
        resume_folder(folder, plan_of_run(folder), callbacks=watching, workers=workers, next_step=step)
    return opened


def _progress_shown(progress: bool) -> Sequence[Callback]:
    """Return the callback that shows the progress, on the main process."""
    return [ProgressOnConsole(Console(stderr=True))] if progress and is_main_process() else []
