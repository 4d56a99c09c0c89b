"""A run, from its plan to its final folder: the consumers of the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol

import torch

from genkit.core.noise import Noise, Rows
from genkit.engine.distributed import World
from genkit.engine.finite_watch import FiniteWatch
from genkit.engine.loop import StepRecord
from genkit.engine.loop import train as steps_of
from genkit.engine.state import TrainState, initial_state
from genkit.errors import Interrupted, RunError, UsageError
from genkit.evaluation.data_fingerprint import check_data_fingerprint
from genkit.evaluation.evaluate import Result
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Recipe
from genkit.runs import checkpoint
from genkit.runs.evaluate_during_training import due, evaluate_end, evaluate_state
from genkit.runs.model_folder import write_model
from genkit.runs.run_folder import RunFolder
from genkit.runs.signals import interruptible, stop_requested
from genkit.runs.stability_strip import strip_captions
from genkit.storage.weights import write_json

Line = dict[str, float]


class Progress(Protocol):
    """Whoever is told of the steps while they happen."""

    def update(self, step: int, line: Line | None) -> None:
        """Take note of a completed step, and of its logged line where it has one."""
        ...

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Take note of the numbers of the model after a step."""
        ...


def train(source: Recipe | Plan | Path | str, runs: Path | str = "runs") -> RunFolder:
    """Train a recipe in a new run folder under `runs`, in silence, and return the folder."""
    from genkit.console.output import SilentProgress

    plan = source if isinstance(source, Plan) else make_plan(source)
    world = World(plan.recipe.train.precision)
    make = partial(RunFolder.create, Path(runs), plan.document, dict(plan.resolved), plan.owners)
    folder = RunFolder(world.on_main(lambda: make().path))
    with folder.locked() if world.is_main else nullcontext():
        run(plan, folder, world, SilentProgress())
    return folder


def run(plan: Plan, folder: RunFolder, world: World, progress: Progress) -> list[Result]:
    """Train from the newest checkpoint, or from the start, to the end; then evaluate and write the final folder.

    Raises `Diverged` when training is no longer finite, `Interrupted` after a signal once the state is saved,
    `RunError` when data cannot be read any more, once it is saved, and `UsageError` for a checkpoint that cannot be
    read, or data that have changed since.
    """
    saved = folder.saved_steps()
    plan.check_met(resuming=bool(saved))
    state = initial_state(plan, world, resuming=bool(saved))
    if saved:
        check_data_fingerprint(
            checkpoint.load(state, folder.checkpoint(saved[-1])),
            plan.data,
            "Put it back as it was, or begin a new run; with warm_start it takes the weights of this one.",
        )
    world.on_main(lambda: folder.cut_back(state.step))
    rows = strip_captions(plan)
    if state.step == 0:
        _draw(plan, state, folder, world)
    _evaluate(plan, state, folder, world, progress)  # which a death may have left out

    watch = FiniteWatch()
    with stop_requested() as asked:
        for record in _steps(plan, state, folder, world, watch):
            watch.observe(record)
            last = record.step == plan.steps
            stopping = world.any(asked())
            line = None

            if last or record.step % plan.recipe.report.log_every == 0:
                watch.check(state, world)
                line = _line(plan, record, world)
                if world.is_main:
                    folder.append(line)
            if last or record.step % plan.recipe.report.draw_every == 0:
                _draw(plan, state, folder, world)
            if record.step in rows:
                _keep_row(plan, state, folder, world)
            saved_at = record.step % plan.recipe.checkpoint.every == 0 or due(plan, record.step)
            if last or stopping or saved_at:
                watch.check(state, world)
                _save(plan, state, folder, world)
            progress.update(record.step, line)
            if stopping:
                raise Interrupted(f"stopped after step {record.step} of {plan.steps}, and saved.")
            _evaluate(plan, state, folder, world, progress)

    return world.on_main(lambda: _finish(plan, state, folder))


def _steps(plan: Plan, state: TrainState, folder: RunFolder, world: World, watch: FiniteWatch) -> Iterator[StepRecord]:
    """Yield the steps, and save what was trained where the data of the next one are refused."""
    began = state.step
    try:
        yield from steps_of(plan, state, world)
    except UsageError as error:
        if state.step == began:  # nothing was trained
            raise
        watch.check(state, world)
        _save(plan, state, folder, world)
        raise RunError(f"stopped after step {state.step} of {plan.steps}, and saved: {error}") from error


def _line(plan: Plan, record: StepRecord, world: World) -> Line:
    """Return what is logged of a step: the terms over all processes, and what the schedules gave."""
    values = world.mean(torch.stack([value.double() for value in record.terms.values()])).tolist()
    t = (record.step - 1) / plan.steps
    schedules = {f"schedule/{key}": schedule(t) for key, schedule in plan.dry_run.schedules.items()}
    rates = {f"lr/{child}": optimiser.lr(t) for child, optimiser in plan.optimisers.items()}
    return {"step": record.step, "t": t, **dict(zip(record.terms, values, strict=True)), **schedules, **rates}


def _draw(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if not world.is_main:
        return
    from genkit.draw.preview import save_previews

    which = _shown(state)
    title = f"{plan.recipe.title}: step {state.step}, {which} weights"
    with state.full_precision():
        save_previews(folder.samples, f"step-{state.step:08d}", title, state.weights(which), plan.data, _noise(plan))


def _keep_row(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if not world.is_main:
        return
    from genkit.runs.stability_strip import save_strip_row

    with state.full_precision():
        save_strip_row(folder.row(state.step), state.weights(_shown(state)), _noise(plan))


def _shown(state: TrainState) -> str:
    """Return which weights pictures are drawn with."""
    return "ema" if state.average is not None else "raw"


def _noise(plan: Plan) -> Noise:
    """Return the randomness of pictures, the same at each step: they show the same latent codes."""
    return Noise(plan.recipe.seed, 0, "preview", Rows.all(64))


def _save(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if world.is_main:
        checkpoint.save(state, folder.checkpoint(state.step), plan.data_fingerprint)
        folder.keep_newest(plan.recipe.checkpoint.keep)


def _evaluate(plan: Plan, state: TrainState, folder: RunFolder, world: World, progress: Progress) -> None:
    if due(plan, state.step):
        with interruptible():  # in the loop too: the state that is evaluated has been saved
            results = world.on_main(lambda: evaluate_state(plan, state, folder))
        progress.evaluated(state.step, results)


def _finish(plan: Plan, state: TrainState, folder: RunFolder) -> list[Result]:
    """Evaluate, and write what outlives the run. Done again as a whole if it is interrupted."""
    from genkit.runs.figures import save_figures

    results = evaluate_end(plan, state, folder)
    with state.full_precision():
        which = _shown(state)
        save_figures(plan, folder, state.weights(which), which, _noise(plan))
    write_json(folder.results, [result.as_dict() for result in results])
    write_model(plan, state, folder.final, {})
    return results
