"""Training in a run folder: the loop makes one step after another, and a list of callbacks does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from os import PathLike
from pathlib import Path

import torch

from genkit.core.callback import Callback
from genkit.core.global_generators import restored_generators
from genkit.core.result import Result
from genkit.core.torch_defaults import standard_defaults
from genkit.engine.batches import read_data
from genkit.engine.distributed import World
from genkit.engine.workers import choose_workers
from genkit.errors import warn_user
from genkit.launched import is_main_process
from genkit.recipe.machine.launcher_remarks import launcher_remarks
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.text.document import RecipeLike
from genkit.recipe.text.placed import placing_errors
from genkit.runs.on_disk.failure import recording_failure
from genkit.runs.on_disk.model_facts import facts_in
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.write_report import report_at_end
from genkit.runs.signals import interruptible, stop_requested
from genkit.runs.trained_models.collapse import reconstructed_in
from genkit.runs.training.callback_list import CallbackList
from genkit.runs.training.callbacks_of_run import callbacks_of_run, check_given
from genkit.runs.training.finish import finish
from genkit.runs.training.guarded_callback import Report
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.next_step import IN_PYTHON, NextStep, with_next_step
from genkit.runs.training.resume import check_before_resume, finished_results
from genkit.runs.training.resume_remarks import resume_remarks
from genkit.runs.training.safe_steps import safe_steps
from genkit.runs.training.untrained import nothing_left_if_nothing_is_trained
from genkit.storage.user_path import user_path


def train(
    source: RecipeLike | Plan | Path | str,
    runs: str | PathLike[str] = "runs",
    *,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    next_step: NextStep = IN_PYTHON,
) -> RunFolder:
    """Train a recipe in a new run folder under `runs`, without output, and return the folder.

    `callbacks` follow the run, after those of the recipe. One that fails is dropped with a warning; a remark of the
    loss on the training is a warning too. `workers` is the
    number of processes that load the data, by default that of `genkit run`; the run is the same. Messages about a run
    that ends early name the `next_step`.

    Settings of the program that calls are restored: defaults of torch, states of random generators, and Accelerate.
    Raises what `make_plan` and `train_in_folder` raise, and `UsageError` for data that cannot be read; then no folder
    is left.
    """
    check_given(callbacks)
    plan = source if isinstance(source, Plan) else make_plan(source)
    with ExitStack() as stack:
        stack.enter_context(standard_defaults())
        stack.enter_context(restored_generators())
        plan.check_met()
        for remark in launcher_remarks(plan.recipe.train) if is_main_process() else ():
            warn_user(remark)
        read_data(plan)
        world = stack.enter_context(World(plan.recipe.train.precision))
        make = partial(RunFolder.create, user_path(runs), plan.document, dict(plan.resolved), plan.notes)
        folder = RunFolder(world.on_main(lambda: make().path))
        if world.is_main:
            stack.enter_context(nothing_left_if_nothing_is_trained(folder))
        _train_quietly(plan, folder, world, callbacks, workers, next_step)
    return folder


def resume(
    folder: RunFolder,
    plan: Plan,
    *,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    next_step: NextStep = IN_PYTHON,
) -> None:
    """Train a run from its newest checkpoint to the end; nothing is done to a run that has finished.

    `plan` is that of its resolved recipe. Settings of the calling program are restored, as by `train`. Raises what
    `train` raises, and `UsageError` if the recipe or the data have changed.
    """
    check_given(callbacks)
    if finished_results(folder, plan) is not None:
        return
    with ExitStack() as stack:
        stack.enter_context(standard_defaults())
        stack.enter_context(restored_generators())
        check_before_resume(folder, plan)
        read_data(plan)
        world = stack.enter_context(World(plan.recipe.train.precision))
        if folder.saved_steps():
            remarks = world.on_main(lambda: resume_remarks(folder, plan))
            for remark in remarks if world.is_main else ():
                warn_user(f"{folder.path}: {remark}")
        _train_quietly(plan, folder, world, callbacks, workers, next_step)


def _train_quietly(
    plan: Plan,
    folder: RunFolder,
    world: World,
    callbacks: Sequence[Callback],
    workers: int | None,
    next_step: NextStep,
) -> None:
    """Lock the folder and train in it, for a caller in Python. Add the next step to an error."""
    with ExitStack() as stack:
        stack.enter_context(with_next_step(folder, plan, world, next_step))
        world.on_main(lambda: stack.enter_context(folder.locked()))
        loading = choose_workers(plan, torch.get_num_threads(), workers)
        train_in_folder(plan, folder, world, *callbacks, _WarningRemarks(folder), workers=loading.number)
        reconstructed = reconstructed_in(facts_in(folder.final)) if world.is_main else None
        if reconstructed is not None and reconstructed.remark:
            warn_user(reconstructed.remark_on(folder.path))


def train_in_folder(
    plan: Plan, folder: RunFolder, world: World, *callbacks: Callback, report: Report | None = None, workers: int = 0
) -> list[Result]:
    """Train from the newest checkpoint, or from the start, to the end; then evaluate and write the model folder.

    `callbacks` follow the run, after those of the recipe; `report` takes the message about one that fails; without it,
    the message is a warning.
    `workers` processes load the data of the next steps; 0: this process does. The run is the same.

    Raises `Diverged` if training is no longer finite, and `Interrupted` after a signal, once the state is saved.
    Raises `RunError` if data can no longer be read or a part fails, and `UsageError` if a checkpoint cannot be read or
    the data have changed since it was written.
    """
    with ExitStack() as stack:
        stack.enter_context(placing_errors(plan.document))
        stack.enter_context(interruptible())  # also while the report is written: a launcher sends a second signal
        stack.enter_context(report_at_end(folder, world, report or warn_user))
        run = LiveRun.open(plan, folder, world)
        outside = callbacks_of_run(plan, folder, callbacks, report or warn_user)
        stack.enter_context(recording_failure(run))
        with stop_requested() as stop:
            listed = stack.enter_context(closing(CallbackList(run, outside, stop)))
            listed.started()
            for record in stack.enter_context(closing(safe_steps(run, listed, stop, workers))):
                run.watch.observe(record)
                listed.stepped()
            if listed.has_stopped():
                listed.stopped()
        results = run.led_by_main(partial(finish, run, report or warn_user))
        listed.finished(results)
    return results


class _WarningRemarks(Callback):
    """Makes the remark of a training a warning, for callers without a console."""

    def __init__(self, folder: RunFolder):
        self._folder = folder

    def remarked(self, step: int, text: str) -> None:
        warn_user(f"{self._folder.path}: {text}")
