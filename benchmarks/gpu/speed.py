"""Steps at the published sizes, in each precision and compiled, timed beside the published step in the same process.

Both sides alternate. What is timed is a block of steps and the wait for its end, because a step of genkit does not wait
for the device. genkit reads its pictures from an array, with and without worker processes; the published side has its
batch ready in memory.

The published step runs with torch's defaults, as its authors ran it: convolutions of float32 in tf32, products in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch

from benchmarks.cases import CELEBA128, CELEBA256, CIFAR10, Networks, images
from benchmarks.gpu.device import product_rate, synchronise
from benchmarks.gpu.rows import Check, Row, at_most, failed, left_out, measured
from benchmarks.gpu.settings import PRECISIONS, Settings, compiler_of, world_on
from benchmarks.gpu.small import with_train
from benchmarks.interleaved import CLOCKS, Side, compare
from benchmarks.step import LARGEST_DIFFERENCE, Comparison, difference, on_images, steps_as_published
from genkit.engine.finite_watch import FiniteWatch
from genkit.engine.loop import StepRecord, train_steps
from genkit.engine.precision import set_float32_products
from genkit.engine.state import initial_state
from genkit.engine.workers import choose_workers
from genkit.recipe.plan import Plan
from genkit.recipe.tables import Use

ENDLESS = 10**6  # steps of the run that is timed; it is never finished
BATCHES = 8  # that the pictures of the array fill


@dataclass(frozen=True, eq=False)  # a key of the cache of plans
class Size:
    """A published size."""

    networks: Networks
    batch_size: int
    block: int  # steps that are timed together
    blocks: int = 10

    @property
    def comparison(self) -> Comparison:
        """The published step and that of genkit."""
        return on_images(self.networks, self.batch_size, steps=self.blocks)


@dataclass(frozen=True)
class Variant:
    """A way in which genkit takes the step."""

    precision: str
    compiled: bool = False
    workers: int | None = None  # None: as many as `genkit run` takes
    algorithms: Literal["", "deterministic", "benchmark"] = ""  # as torch chooses them, or equal bits, or the fastest

    @property
    def name(self) -> str:
        """The name in a table."""
        workers = "" if self.workers is None else f", {self.workers} workers"
        return self.precision + ", compiled" * self.compiled + workers + f", {self.algorithms}" * bool(self.algorithms)

    def set_flags(self) -> None:
        """Set the flags of torch under which this variant runs."""
        set_float32_products(self.precision)
        torch.use_deterministic_algorithms(self.algorithms == "deterministic", warn_only=True)
        torch.backends.cudnn.benchmark = self.algorithms == "benchmark"


def set_published_flags() -> None:
    """Set the flags of torch as they are by default: convolutions of float32 are computed in tf32."""
    Variant("fp32").set_flags()
    torch.backends.cudnn.allow_tf32 = True


TINY = Size(images("tiny", (3, 16, 16), 4, (4, 8)), batch_size=4, block=1, blocks=2)
SIZES = (Size(CIFAR10, 64, block=5), Size(CELEBA128, 32, block=2), Size(CELEBA256, 16, block=1))


def checks(settings: Settings) -> Iterator[Check]:
    """Yield the comparisons of all sizes, uncompiled first: compilation takes long."""
    sizes = (TINY,) if settings.tiny else SIZES
    yield Check("totals", partial(same_totals, settings, sizes[0]))
    others = [Variant("bf16", workers=1 if settings.tiny else 0)]  # another number than `genkit run` takes
    others += [Variant("bf16", algorithms=each) for each in ("deterministic", "benchmark")]
    uncompiled = product(sizes, [*map(Variant, PRECISIONS), *others])
    compiled = [(size, Variant(each, compiled=True)) for each in ("bf16", "tf32", "fp32", "fp16") for size in sizes]
    for size, variant in (*uncompiled, *(compiled if not settings.tiny else ())):
        label = f"{size.networks.name}, {variant.name}"
        yield Check(label, partial(time_step, settings, size, variant))


def same_totals(settings: Settings, size: Size) -> Iterator[Row]:
    """Yield whether both sides compute the same in float64, with equal random numbers."""
    given = size.comparison
    if settings.mistake:
        given = replace(given, weights=given.weights._replace(beta_rec=2 * given.weights.beta_rec))
    with world_on(settings.device, "fp64") as world:
        apart = difference(given, "fp64", world)
    yield at_most(size.networks.name, "fp64, genkit - published", apart, LARGEST_DIFFERENCE)


def time_step(settings: Settings, size: Size, variant: Variant) -> Iterator[Row]:
    """Yield the times and the memory of both sides."""
    case = f"{size.networks.name}, batch {size.batch_size}"
    if why := settings.refuses(variant.precision):
        yield left_out(case, variant.name, why)
        return
    with compiler_of(settings) as uncompiled:
        row = _timed(settings, size, variant)
    yield failed(case, variant.name, uncompiled[0]) if uncompiled else measured(case, variant.name, **row)


def _timed(settings: Settings, size: Size, variant: Variant) -> dict[str, Any]:
    """Return the times and the memory of both sides."""
    with ExitStack() as stack:
        stack.callback(Variant("fp32").set_flags)
        plan = with_train(_plan(size), precision=variant.precision, compile=variant.compiled or None)
        baseline = _start_of_peak(settings)
        published = steps_as_published(size.comparison, ENDLESS, settings.device, plan)
        theirs = _blocks(published, size.block, settings, set_published_flags)
        next(theirs)
        published_peak, baseline = _peak(settings, baseline), _start_of_peak(settings)

        world = stack.enter_context(world_on(settings.device, variant.precision))
        workers = choose_workers(plan, torch.get_num_threads(), variant.workers).number
        steps = stack.enter_context(closing(train_steps(plan, initial_state(plan, world), world, workers=workers)))
        waited: list[float] = []
        ours = _blocks(_observed(steps, waited), size.block, settings, variant.set_flags)
        start = perf_counter()
        next(ours)
        first_block_s, peak = perf_counter() - start, _peak(settings, baseline)
        waited.clear()
        took = compare(Side(ours, CLOCKS["wall"]), Side(theirs, CLOCKS["wall"]), size.blocks, warmup=2)
    genkit_ms, published_ms = took.first_ms / size.block, took.second_ms / size.block
    rate = product_rate(settings, variant.precision)
    return {
        "genkit_ms": genkit_ms,
        "published_ms": published_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
        "images_per_s": 1e3 * size.batch_size / genkit_ms,
        "published_images_per_s": 1e3 * size.batch_size / published_ms,
        "peak_mb": peak,
        "published_peak_mb": published_peak,
        "gflop": plan.dry_run.flops / 1e9,
        "share_of_product": plan.dry_run.flops / (genkit_ms / 1e3) / rate,
        "product_tflop_per_s": rate / 1e12,
        "workers": workers,
        "waiting_for_data": 1e3 * median(waited) / genkit_ms,
        "first_block_s": first_block_s,
    }


def _observed(steps: Iterable[StepRecord], waited: list[float]) -> Iterator[None]:
    """Take steps as `genkit run` does between two logs, and add the seconds that each has waited for its data."""
    watch = FiniteWatch()
    for record in steps:
        watch.observe(record)
        waited.append(record.waited)
        yield


@cache
def _plan(size: Size) -> Plan:
    """Return the plan of genkit's side. Its pictures are made, and lie in a temporary folder of the part."""
    folder = Path(mkdtemp())
    channels, height, width = size.networks.data.arguments["shape"]
    pictures = np.random.default_rng(0).integers(
        256, size=(BATCHES * size.batch_size, height, width, channels), dtype=np.uint8
    )
    np.save(folder / "pictures.npy", pictures)
    data = Use(
        "image-arrays",
        path=folder / "pictures.npy",
        store=folder / "store",
        resolution=height,
        flip=True,
        layout="NHWC",
    )
    return replace(size.comparison.case, networks=replace(size.networks, data=data)).plan(ENDLESS)


def _blocks(steps: Iterator[Any], block: int, settings: Settings, set_flags: Callable[[], None]) -> Iterator[None]:
    """Take `block` steps and wait for the device, without end."""
    while True:
        set_flags()
        for _ in range(block):
            next(steps)
        synchronise(settings.device)
        yield


def _start_of_peak(settings: Settings) -> int:
    """Begin to measure the peak of the memory, and return the bytes that are in use."""
    if settings.device != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak(settings: Settings, baseline: int) -> float | None:
    """Return the MB that were used at most above the baseline; None on the CPU."""
    return (torch.cuda.max_memory_allocated() - baseline) / 1e6 if settings.device == "cuda" else None
