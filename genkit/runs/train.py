"""Training in a run folder, from the plan to the model folder: the loop's records go to one consumer after another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from genkit.core.global_generators import restored_generators
from genkit.core.result import Result
from genkit.core.torch_defaults import standard_defaults
from genkit.engine.batches import read_data
from genkit.engine.distributed import World
from genkit.engine.loop import StepRecord, train_steps
from genkit.errors import GenkitWarning, Interrupted, PartFailed, RunError, UsageError
from genkit.launched import is_main_process
from genkit.recipe.launcher_remarks import launcher_remarks
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Recipe
from genkit.runs.callbacks import RunCallback
from genkit.runs.checkpoint_during_training import CheckpointWriter
from genkit.runs.draw_during_training import PictureDrawer
from genkit.runs.evaluate_during_training import Evaluator, evaluate_end
from genkit.runs.figures import save_figures
from genkit.runs.log_during_training import StepLogger
from genkit.runs.model_folder import write_model
from genkit.runs.run import Run
from genkit.runs.run_folder import RunFolder
from genkit.runs.signals import stop_requested
from genkit.runs.trackers import trackers
from genkit.storage.user_path import user_path
from genkit.storage.weights import write_json


def train(
    source: Recipe | Plan | Path | str, runs: Path | str = "runs", *, callbacks: Sequence[RunCallback] = ()
) -> RunFolder:
    """Train a recipe in a new run folder under `runs`, without output, and return the folder.

    Settings of the program that calls are restored: defaults of torch, states of random generators, and Accelerate.
    Raises what `make_plan` and `train_in_folder` raise, and `UsageError` for data that cannot be read.
    """
    plan = source if isinstance(source, Plan) else make_plan(source)
    with ExitStack() as stack:
        stack.enter_context(standard_defaults())
        stack.enter_context(restored_generators())
        plan.check_met()
        for remark in launcher_remarks(plan.recipe.train) if is_main_process() else ():
            warnings.warn(remark, GenkitWarning, stacklevel=2)
        read_data(plan)
        world = stack.enter_context(World(plan.recipe.train.precision))
        make = partial(RunFolder.create, user_path(runs), plan.document, dict(plan.resolved), plan.notes)
        folder = RunFolder(world.on_main(lambda: make().path))
        if world.is_main:
            stack.enter_context(folder.locked())
            callbacks = [*callbacks, *stack.enter_context(trackers(plan, folder, warnings.warn))]
        train_in_folder(plan, folder, world, *callbacks)
    return folder


def train_in_folder(
    plan: Plan, folder: RunFolder, world: World, *callbacks: RunCallback, workers: int = 0
) -> list[Result]:
    """Train from the newest checkpoint, or from the start, to the end; then evaluate and write the model folder.

    `workers` processes load the data of the next steps; 0: this process does. The run is the same.

    Raises `Diverged` if training is no longer finite, and `Interrupted` after a signal, once the state is saved.
    Raises `RunError` if data can no longer be read or a part fails, and `UsageError` if a checkpoint cannot be read or
    the data have changed since it was written.
    """
    run = Run.open(plan, folder, world)
    logger, drawer, checkpoints = StepLogger(run), PictureDrawer(run), CheckpointWriter(run)
    evaluator = Evaluator(run, callbacks)
    _report_drawn(callbacks, run.state.step, drawer.before_training())
    evaluator.after_step(run.state.step)  # the run may have been killed in this evaluation

    with stop_requested() as stop, closing(_steps(run, checkpoints, stop, workers)) as steps:
        for record in steps:
            run.watch.observe(record)
            line = logger.after_step(record)
            pictures = drawer.after_step(record)
            saved = checkpoints.after_step(record, stopping=record.stopping)
            for callback in callbacks:
                callback.update(record.step, line)
            _report_drawn(callbacks, record.step, pictures)
            if saved and world.any(stop()):  # asked again: drawing and saving take time, and an evaluation may follow
                raise Interrupted(f"stopped after step {record.step} of {plan.steps}; the state is saved.")
            evaluator.after_step(record.step)

    results = world.on_main(lambda: _finish(run))
    for callback in callbacks:
        callback.finished(run.state.step, results)
    return results


def _report_drawn(callbacks: Sequence[RunCallback], step: int, pictures: Sequence[Path]) -> None:
    for callback in callbacks if pictures else ():
        callback.drawn(step, pictures)


def _steps(run: Run, checkpoints: CheckpointWriter, stop: Callable[[], bool], workers: int) -> Generator[StepRecord]:
    """Yield the steps; save the state if the next step fails before it has changed weights."""
    first = run.state.step
    try:
        yield from train_steps(run.plan, run.state, run.world, stop, workers=workers)
    except UsageError as error:
        if run.state.step == first:  # nothing has been trained
            raise
        checkpoints.save()
        raise RunError(f"{_stopped(run)}: {error}") from error
    except PartFailed as error:
        if run.state.whole and not error.alone and run.state.step > first:  # saving needs all processes
            checkpoints.save()
        stopped = PartFailed(f"{_stopped(run)}: {error}")
        stopped.alone = error.alone
        raise stopped from error


def _stopped(run: Run) -> str:
    """Return where a run has stopped, and which step a resume continues from."""
    step, saved = run.state.step, run.folder.saved_steps()
    newest = f"the newest checkpoint is of step {saved[-1]}" if saved else "there is no checkpoint yet"
    kept = "the state is saved" if saved and saved[-1] == step else newest
    return f"stopped after step {step} of {run.plan.steps}; {kept}"


def _finish(run: Run) -> list[Result]:
    """Evaluate, draw, and write results.json and the model folder; a resume repeats all of it after an interruption."""
    results = evaluate_end(run)
    with run.state.full_precision():
        save_figures(run.plan, run.folder, run.shown_model, run.shown_weights, run.picture_noise)
    write_json(run.folder.results, [result.as_dict() for result in results])
    write_model(run, run.folder.final, {})
    return results
