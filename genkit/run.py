"""A run, from its plan to its final folder: the consumers of the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

import tomli_w
import torch

from genkit.engine import checkpoint
from genkit.engine.evaluate import Result, evaluate
from genkit.engine.health import FiniteWatch
from genkit.engine.loop import StepRecord
from genkit.engine.loop import train as steps_of
from genkit.engine.state import TrainState, initial_state
from genkit.engine.weights import write_final, write_json, write_text
from genkit.engine.witness import check_witness, witness_of
from genkit.engine.world import World
from genkit.errors import Interrupted
from genkit.folder import RECIPE, RunFolder
from genkit.noise import Noise, Rows
from genkit.plan import Plan, make_plan
from genkit.recipe import Recipe
from genkit.report.strip import strip_captions

Line = dict[str, float]


class Progress(Protocol):
    """Whoever is told of the steps while they happen."""

    def update(self, step: int, line: Line | None) -> None:
        """Take note of a completed step, and of its logged line where it has one."""
        ...


def train(source: Recipe | Plan | Path | str, runs: Path | str = "runs") -> RunFolder:
    """Train a recipe in a new run folder under `runs`, in silence, and return the folder."""
    from genkit.report.terminal import Steps

    plan = source if isinstance(source, Plan) else make_plan(source)
    world = World(plan.recipe.train.precision)
    make = partial(RunFolder.create, Path(runs), plan.document, dict(plan.resolved), plan.owners)
    folder = RunFolder(world.on_main(lambda: make().path))
    with folder.locked() if world.is_main else nullcontext():
        run(plan, folder, world, Steps())
    return folder


def run(plan: Plan, folder: RunFolder, world: World, progress: Progress) -> list[Result]:
    """Train from the newest checkpoint, or from the start, to the end; then evaluate and write the final folder.

    Raises `Diverged` when training is no longer finite, `Interrupted` after a signal once the state is saved, and
    `UsageError` for a checkpoint that cannot be read, or data that have changed since.
    """
    saved = folder.saved_steps()
    plan.check_met(resuming=bool(saved))
    state = initial_state(plan, world, resuming=bool(saved))
    if saved:
        check_witness(checkpoint.load(state, folder.checkpoint(saved[-1])), plan.data)
    world.on_main(lambda: folder.cut_back(state.step))
    rows = strip_captions(plan)
    if state.step == 0:
        _draw(plan, state, folder, world)

    watch = FiniteWatch()
    with _stop_signals() as asked_to_stop:
        for record in steps_of(plan, state, world):
            watch.observe(record)
            last = record.step == plan.steps
            stopping = world.any(asked_to_stop())
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
            if last or stopping or record.step % plan.recipe.checkpoint.every == 0:
                watch.check(state, world)
                _save(plan, state, folder, world)
            progress.update(record.step, line)
            if stopping and not last:
                raise Interrupted(f"stopped after step {record.step} of {plan.steps}, and saved.")

    return world.on_main(lambda: _finish(plan, state, folder))


def _line(plan: Plan, record: StepRecord, world: World) -> Line:
    """Return what is logged of a step: the terms over all processes, and what the schedules gave."""
    values = world.mean(torch.stack([value.double() for value in record.terms.values()])).tolist()
    t = (record.step - 1) / plan.steps
    rates = {f"lr/{child}": optimiser.lr(t) for child, optimiser in plan.optimisers.items()}
    return {"step": record.step, "t": t, **dict(zip(record.terms, values, strict=True)), **rates}


def _draw(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if not world.is_main:
        return
    from genkit.report.preview import save_previews

    which = _shown(state)
    title = f"{plan.recipe.title}: step {state.step}, {which} weights"
    with state.full_precision():
        save_previews(folder.samples, f"step-{state.step:08d}", title, state.weights(which), plan.data, _noise(plan))


def _keep_row(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if not world.is_main:
        return
    from genkit.report.strip import keep_row

    with state.full_precision():
        keep_row(folder.row(state.step), state.weights(_shown(state)), _noise(plan))


def _shown(state: TrainState) -> str:
    """Return which weights pictures are drawn with."""
    return "ema" if state.average is not None else "raw"


def _noise(plan: Plan) -> Noise:
    """Return the randomness of pictures, the same at each step: they show the same latent codes."""
    return Noise(plan.recipe.seed, 0, "preview", Rows.all(64))


def _save(plan: Plan, state: TrainState, folder: RunFolder, world: World) -> None:
    if world.is_main:
        checkpoint.save(state, folder.checkpoint(state.step), witness_of(plan.data))
        folder.keep_newest(plan.recipe.checkpoint.keep)


def _finish(plan: Plan, state: TrainState, folder: RunFolder) -> list[Result]:
    """Evaluate, and write what outlives the run. Done again as a whole if it is interrupted."""
    from genkit.report.curves import save_curves
    from genkit.report.figures import save_figures

    with state.full_precision():
        results = evaluate(plan.metrics, plan.data, state.weights, plan.recipe.seed)
        which = _shown(state)
        save_figures(plan, folder, state.weights(which), which, _noise(plan))
    write_json(folder.results, [result.as_dict() for result in results])
    save_curves(folder.path / "curves.png", folder.lines(), plan.recipe.title)

    folder.final.mkdir(exist_ok=True)
    write_text(folder.final / RECIPE, tomli_w.dumps(dict(plan.resolved)))
    facts = {"step": state.step, "data_shape": list(plan.data.shape), "parts": plan.owners}
    average = state.average.model if state.average is not None else None
    write_final(folder.final, state.model, average, {**facts, **checkpoint.environment()})
    return results


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question that the loop asks between two steps; a second Ctrl-C is obeyed at once.

    (Only that: a launcher sends a SIGTERM after the Ctrl-C that the terminal has sent to all.)
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may listen
        yield lambda: False
        return

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and signal.SIGINT in asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
