"""The batches of each step: a pure function of the recipe, the step and the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from genkit.core.batch import Batch
from genkit.core.condition import check_range, labels_in
from genkit.core.dataset import Dataset, Samples
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.engine.distributed import World
from genkit.engine.loading import StepParts, load_and_finish
from genkit.engine.state import TrainState
from genkit.errors import UsageError
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.machine.missing import too_large
from genkit.recipe.plan import Plan
from genkit.recipe.text.placed import placed, placing_errors
from genkit.recipe.trial.check_samples import check_values
from genkit.recipe.trial.draw_finder import refusing_global_draws

FROM_THE_NOISE = "Draw with noise.randn, noise.rand or noise.randint: they are a function of the step."


def read_data(plan: Plan) -> None:
    """Read one sample of each split, so that mistakes in the data are reported before a run folder is made.

    Pictures are prepared here if they are not in the cache. Raises `UsageError` with the place of the key.
    """
    with placing_errors(plan.document):
        _read_data(plan)


def _read_data(plan: Plan) -> None:
    check_batch(plan, 1)  # first, because preparing may take long
    refused: list[str] = []
    for data in (plan.data, plan.data.held_out()):
        try:
            _try_samples(plan, data)
        except UsageError as error:  # report both splits at once
            refused.append(str(error))
    if refused:
        raise UsageError("\n".join(dict.fromkeys(refused)))
    _ = plan.class_facts  # of a conditional model: all labels are checked


def _try_samples(plan: Plan, data: Dataset) -> None:
    """Read the first two samples of a split, or one. Raises `UsageError` also for a mistake in the data set."""
    try:
        number = min(2, 2 if data.size is None else data.size)
        if number == 0:
            return
        noise = Noise(plan.recipe.seed, 0, "read", Rows.all(number))
        with refusing_global_draws(data, FROM_THE_NOISE):
            found = load_and_finish(data, torch.arange(number), noise)
        check_values(data, found)
        if plan.classes is not None:
            check_range(labels_in(found.extra), plan.classes)
    except UsageError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        if isinstance(error, (OSError, MemoryError)):
            raise
        text = str(error) if is_refusal(error) else describe_bug(data, error)
        raise UsageError(f"[data] {text} ({plan.parts['data',].owner})") from error


def check_batch(plan: Plan, processes: int) -> None:
    """Raise `UsageError` unless the data fill a batch and the batch divides into equal micro-batches."""
    batch_size, parts = plan.recipe.train.batch_size, processes * plan.recipe.train.accumulate
    if plan.data.size is not None and plan.data.size < batch_size:
        raise UsageError(placed(too_large(batch_size, plan.data.size), plan.document))
    if batch_size % parts:
        fitting = (
            f"{batch_size // parts * parts} or {(batch_size // parts + 1) * parts}"
            if batch_size > parts
            else str(parts)
        )
        text = (
            f"[train] batch_size: {batch_size} is not a multiple of {parts} ({processes} processes x accumulate = "
            f"{plan.recipe.train.accumulate}). Use {fitting}."
        )
        raise UsageError(placed(text, plan.document))


def check_conditions(model: Model, samples: Iterable[Samples]) -> None:
    """Raise `ValueError` unless samples have the labels that a conditional model needs."""
    classes = model.condition_classes
    if classes is not None:
        for each in samples:
            check_range(labels_in(each.extra), classes)


def batches_of_step(plan: Plan, state: TrainState, world: World) -> list[Batch]:
    """Return this process's micro-batches of the next step of `state`."""
    return as_batches(plan, state, world, samples_of_step(plan, state.step, world))


def as_batches(plan: Plan, state: TrainState, world: World, parts: Iterable[tuple[Samples, Noise]]) -> list[Batch]:
    """Return a micro-batch for the samples and the noise of each part of the next step."""
    batches = []
    for samples, noise in parts:
        batches.append(
            Batch(
                x=samples.x.to(world.device, world.dtype),
                t=state.step / plan.steps,
                noise=noise,
                extra={name: tensor.to(world.device) for name, tensor in samples.extra.items()},
                targets=state.targets,
                prior=state.model.prior,
                rank=world.rank,
                gather_rows=world.gather if world.size > 1 else None,
                full_precision=state.full_precision,
            )
        )
    return batches


def samples_of_step(plan: Plan, step: int, world: World) -> Iterator[tuple[Samples, Noise]]:
    """Yield the samples of each of this process's micro-batches of a step, with the noise of the prior."""
    for indices, noise in parts_of(plan, world).of(step):
        on_device = replace(noise, device=world.device)
        yield load_and_finish(plan.data, indices, on_device), on_device.of("prior")


def parts_of(plan: Plan, world: World) -> StepParts:
    """Return the micro-batches of this process in each step of a plan."""
    train = plan.recipe.train
    return StepParts(
        plan.recipe.seed, train.batch_size, train.accumulate, plan.data.size, world.rank, world.size, world.dtype
    )
