"""Batches on the device, compared bit by bit with those on the CPU, while the device is busy.

The data are copied from pinned memory on a stream of their own, and random numbers without waiting. If a copy were read
too early or its memory used too early, a batch would differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu.rows import Check, Row, at_most
from benchmarks.gpu.settings import Settings, world_on
from benchmarks.gpu.small import Small
from genkit.engine.part_calls import PartCalls
from genkit.engine.pipeline import InputPipeline
from genkit.engine.state import initial_state
from genkit.recipe.plan import Plan

STEPS, TINY_STEPS = 18, 3  # less than the length of the run
PRODUCT, PRODUCTS = 4096, 20  # work that the device has still to do when a batch is copied


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check without and with worker processes."""
    for workers in (0, 2):
        yield Check(f"{workers} workers", partial(compare_batches, settings, workers))


def compare_batches(settings: Settings, workers: int) -> Iterator[Row]:
    """Yield the number of batches whose samples or prior noise differ."""
    plan = Small("vae", "pictures", settings.tiny).plan("fp32")
    steps = TINY_STEPS if settings.tiny else STEPS
    expected = _batches(plan, "cpu", steps, 0)
    found = _batches(plan, settings.device, steps, workers, first=int(settings.mistake))
    differ = sum(not all(map(torch.equal, one, other)) for one, other in zip(expected, found, strict=True))
    yield at_most("pictures", f"{workers} workers, {settings.device} - cpu", differ, 0, unit=f"of {steps} batches")


def _batches(plan: Plan, device: str, steps: int, workers: int, *, first: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Return the samples and the prior noise of some steps, in main memory."""
    with world_on(device, "fp32") as world:
        state = initial_state(plan, world)
        state.step = first
        work = torch.ones(PRODUCT, PRODUCT, device=device) if device == "cuda" else None
        kept = []
        with InputPipeline(plan, state, world, PartCalls(plan, state, world), workers) as pipeline:
            for _ in range(steps):
                for _ in range(PRODUCTS if work is not None else 0):
                    torch.mm(work, work)
                (batch,) = pipeline.batches()
                kept.append((batch.x.clone(), batch.z.clone()))  # on the device, so that it runs on
                state.step += 1
        return [(x.cpu(), z.cpu()) for x, z in kept]
