"""Check that a loss which couples the samples of a batch says so, before a run on several processes or micro-batches.

Their gradients are averaged, so the loss of a batch must be the mean of the losses of its halves. A statistic of the
batch is none, such as a batch mean within a square or a pair of samples, unless it is computed from `Batch.gather`. The
dry run sees every call of `gather`, but only numbers show that a call is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.dataset import Samples
from genkit.core.global_generators import restored_generators
from genkit.core.loss import Phase
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.targets import make_targets
from genkit.core.torch_operations import OperationWatch
from genkit.engine.batches import samples_of_step
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import TrainState
from genkit.errors import UsageError
from genkit.part_code import code_of
from genkit.recipe.plan import Plan

MOST_ROWS = 4  # few, because the fewer samples a half has, the more its statistics differ
SAME_LOSS = {False: 1e-10, True: 1e-6}  # of the largest loss, in float64; True: a part of it is rounded to float32


def check_coupling(plan: Plan, state: TrainState, world: World, calls: PartCalls) -> None:
    """Raise `UsageError` if a phase couples the samples of a batch without gathering them.

    Call it within `World.on_all`, because processes read different samples. Does nothing for one micro-batch on one
    process, and if the recipe accepts the difference.
    """
    train = plan.recipe.train
    if world.size * train.accumulate == 1 or train.inexact_accumulation or world.device.type == "mps":
        return
    samples, noise = next(samples_of_step(plan, state.step, world))
    rows = min(len(samples.x), MOST_ROWS) // 2 * 2
    model = _copy_in_double(plan, state.model, world.device)
    coupled = next(_coupled(plan, model, samples, noise, rows, calls), None) if rows else None
    if coupled is not None:
        parts = f"{world.size} processes" if world.size > 1 else f"accumulate = {train.accumulate}"
        code = f"{code_of(coupled.loss)} ({plan.parts['loss',].owner})"
        raise UsageError(
            f'[loss] phase "{coupled.name}" couples the samples of a batch without batch.gather, so {parts} would '
            f"train otherwise than one process: {code}. Gather the rows before a batch statistic, train on one process "
            "with accumulate = 1, or accept the difference with [train] inexact_accumulation = true."
        )


def _copy_in_double(plan: Plan, model: Model, device: torch.device) -> Model:
    """Return a copy of the model in float64 and in evaluation mode, in which a batch norm couples no samples."""
    with restored_generators():
        copy = plan.build_model()
    copy.load_state_dict(model.state_dict())
    return copy.to(device, torch.float64).eval()


def _coupled(plan: Plan, model: Model, samples: Samples, noise: Noise, rows: int, calls: PartCalls) -> Iterator[Phase]:
    """Yield the phases that gather nothing, and whose loss is not the mean of the losses of both halves."""
    for t in (0.0, 1.0):  # a schedule may turn a part of a loss on or off
        gathered: set[str] = set()
        with _RoundingFinder() as finder:
            whole, first, second = (
                _losses(plan, model, samples, noise, Rows(*each, rows), t, gathered, calls)
                for each in ((0, rows), (0, rows // 2), (rows // 2, rows))
            )
        same = SAME_LOSS[finder.found]
        for phase in plan.phases:
            a, b, c = (losses[phase.name] for losses in (whole, first, second))
            if phase.name not in gathered and abs(a - (b + c) / 2) > same * max(abs(a), abs(b), abs(c)):
                yield phase


def _losses(
    plan: Plan,
    model: Model,
    samples: Samples,
    noise: Noise,
    rows: Rows,
    t: float,
    gathered: set[str],
    calls: PartCalls,
) -> dict[str, float]:
    """Return the loss of these rows in every phase by name; add the phases that gather to `gathered`."""
    start = noise.rows.start
    own = replace(noise, rows=Rows(start + rows.start, start + rows.stop, noise.rows.total), dtype=torch.float64)
    extra = {name: tensor[rows.start : rows.stop].to(noise.device) for name, tensor in samples.extra.items()}
    x = samples.x[rows.start : rows.stop].to(noise.device, torch.float64)
    targets = make_targets(model, plan.dry_run.targets)
    batch = Batch(x=x, t=t, noise=own, extra=extra, targets=targets, prior=model.prior)
    losses = {}
    for phase in plan.phases:

        def gather(found: Tensor, name: str = phase.name) -> Tensor:
            gathered.add(name)
            return found

        with calls.of(("loss",), phase.loss), model.given(extra, *targets.values()):
            total = phase.loss(model, replace(batch.in_phase(phase.name), gather_rows=gather)).total
        losses[phase.name] = total.item()
    return losses


class _RoundingFinder(OperationWatch):
    """Finds out whether a loss converts float64 to a type with fewer digits, as ``.float()`` does."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Set `found` if a result has fewer digits than an argument."""
        if isinstance(out, Tensor) and out.is_floating_point() and out.dtype != torch.float64:
            self.found |= any(isinstance(each, Tensor) and each.dtype == torch.float64 for each in args)
