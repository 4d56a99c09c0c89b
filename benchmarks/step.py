"""Step of genkit compared with the step as its authors published it, on the published networks.

First both take a few steps from equal weights with equal random numbers, to show that they compute the same. Then
single steps of both are timed alternately, each side in its own process, as a user would run it. `as_published.py`
describes the published step.

The totals are compared in float64, and if possible in float32, which is the precision that is timed. It is not possible
for AS-IntroVAE: its distance adds half a million kernels, subtracts as many, and enters an exponential, so that two
orders of summation differ by one percent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import as_published, by_hand
from benchmarks.as_published import Draws, Fresh, HeldImages, Method, Totals, Weights
from benchmarks.cases import CELEBA128, CIFAR10, EIGHT_GAUSSIANS, MNIST, Case, Networks, Precision
from benchmarks.interleaved import CLOCKS, STEPS, WARMUP, SideApart, compare, options, with_engine
from benchmarks.interleaved import Comparison as Took
from benchmarks.published_networks import Pair, conv, mlp
from genkit.console.output import Console
from genkit.core.batch import Batch
from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.state import TrainState, initial_state
from genkit.recipe.plan import Plan

CHECKED = 6  # steps, for points in the plane
LARGEST_DIFFERENCE = 1e-5  # relative. In float64 it is mostly the published γ_r-terms, which genkit leaves out
PRECISIONS: tuple[Precision, ...] = ("fp64", "fp32")
PRODUCT, PRODUCTS = 2048, 10  # size of the matrices whose product gives the arithmetic rate; number of products


class Check(NamedTuple):
    """Check that both sides compute the same."""

    precisions: tuple[Precision, ...]
    steps: int
    batch_size: int


@dataclass(frozen=True)
class Comparison:
    """Step of genkit and the published step that it is compared with."""

    name: str
    case: Case
    method: Method
    networks: Callable[..., Pair]  # as published; called with the keys of genkit's [model]
    data: Callable[[int], Callable[[], Tensor]]  # as published; called with the batch size
    weights: Weights  # as published
    check: Check
    target: float | None = None  # of the ratio published / genkit
    steps: int = STEPS
    warmup: int | None = None

    @property
    def on_the_plane(self) -> bool:
        """Whether the step is the one for points in the plane."""
        return self.networks is mlp


def on_the_plane(
    method: str, published: Method, target: float, precisions: tuple[Precision, ...], **keys: Any
) -> Comparison:
    """Return the comparison on 8 Gaussians. genkit has γ_r = 0, its default."""
    weights = Weights(by_hand.BETA_REC, by_hand.BETA_KL, by_hand.BETA_NEG, by_hand.GAMMA_R)
    case = Case(method, EIGHT_GAUSSIANS, by_hand.BATCH_SIZE, {**weights._asdict(), "gamma_r": 0.0, **keys})
    check = Check(precisions, CHECKED, case.batch_size)
    return Comparison(method, case, published, mlp, as_published.EightGaussians, weights, check, target)


def on_images(
    networks: Networks, batch_size: int, steps: int, beta_kl: float = 1.0, target: float | None = None
) -> Comparison:
    """Return the comparison of Soft-IntroVAE on images, with the published weights and networks."""
    weights = Weights(beta_rec=1.0, beta_kl=beta_kl, beta_neg=256.0)
    shape = networks.data.arguments["shape"]
    return Comparison(
        name=f"soft-introvae-{networks.name.lower().replace('-', '')}",
        case=Case("soft-introvae", networks, batch_size, {**weights._asdict(), "gamma_r": 0.0}),
        method=as_published.SOFT_INTROVAE,
        networks=partial(conv, data_shape=shape),
        data=lambda size: HeldImages(torch.rand(size, *shape)),
        weights=weights,
        # Not in float32: the decoder's total follows an update by Adam, which turns rounding errors into steps.
        check=Check(("fp64",), 2, 4),
        target=target,
        steps=steps,
        warmup=2,
    )


COMPARISONS = (
    on_the_plane("soft-introvae", as_published.SOFT_INTROVAE, 1.6, ("fp64", "fp32")),
    on_the_plane("as-introvae", as_published.AS_INTROVAE, 1.8, ("fp64",), variant="reference"),
    on_images(MNIST, batch_size=128, steps=20),
    on_images(CIFAR10, batch_size=32, steps=20, target=1.8),
    on_images(CELEBA128, batch_size=8, steps=8, beta_kl=0.5),
)


@dataclass(frozen=True)
class DrawnByEngine:
    """Random numbers of genkit's next step, computed before it: they are functions of the step number."""

    plan: Plan
    state: TrainState
    world: World

    def batch(self) -> Tensor:
        return self._next().x

    def prior(self) -> Tensor:
        return self._next().z

    def like(self, std: Tensor, phase: str, tag: str) -> Tensor:
        return self._next().in_phase(phase).randn(tag, *std.shape[1:])

    def _next(self) -> Batch:
        (batch,) = batches_of_step(self.plan, self.state, self.world)
        return batch


def published(given: Comparison, plan: Plan, model: nn.Module, draws: Draws) -> Iterator[Totals]:
    """Return the endless steps of the published side, starting from the weights of `model`."""
    weight = next(model.parameters())
    networks = given.networks(**given.case.networks.model.arguments).to(weight.device, weight.dtype)
    for child in given.case.networks.children:
        theirs, ours = networks.get_submodule(child), model.get_submodule(child)
        for to, of in zip(layers(theirs), layers(ours), strict=True):
            to.load_state_dict(of.state_dict())
    lr, on_the_plane = given.case.networks.lr, given.on_the_plane
    return as_published.train(given.method, networks, draws, given.weights, lr, plan.steps, on_the_plane=on_the_plane)


def layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers that hold weights, in order."""
    return [module for module in network.modules() if not list(module.children()) and module.state_dict()]


def difference(given: Comparison, precision: Precision, world: World | None = None) -> float:
    """Return the largest relative difference between the totals of both, with genkit's random numbers."""
    case = replace(given.case, batch_size=given.check.batch_size)
    plan, world = case.plan(given.check.steps, precision), world or World(precision)
    state = initial_state(plan, world)
    genkit, theirs = (
        with_engine(plan, state, world),
        published(given, plan, state.model, DrawnByEngine(plan, state, world)),
    )
    largest = 0.0
    for _ in range(given.check.steps):
        totals, terms = (
            next(theirs),
            next(genkit),
        )  # in this order: genkit's step changes the state that the random numbers depend on
        largest = max(largest, *(abs(total / terms[name] - 1).item() for name, total in totals.items()))
    return largest


def arithmetic_rate(clock: Callable[[], int]) -> float:
    """Return the floating-point operations per second of a large float32 matrix product, an upper bound for a step.

    It is the faster of a product and of a 1 x 1 convolution, which is the same product through another library.
    """
    a, b = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)
    image = a.view(1, 1, PRODUCT, PRODUCT).permute(0, 3, 1, 2)  # a position for each row of `a`, channels last
    kernels = b[:, :, None, None].contiguous(memory_format=torch.channels_last)
    ways: tuple[Callable[[], Tensor], ...] = (lambda: torch.mm(a, b), lambda: conv2d(image, kernels))
    medians = []
    for product in ways:
        product()
        times = []
        for _ in range(PRODUCTS):
            start = clock()
            product()
            times.append(clock() - start)
        medians.append(median(times))
    return 2 * PRODUCT**3 / (min(medians) / 1e9)


def steps_of_genkit(given: Comparison, steps: int) -> Iterator[Any]:
    """Train as `genkit run` does."""
    plan, world = given.case.plan(steps), World()
    return with_engine(plan, initial_state(plan, world), world)


def steps_as_published(given: Comparison, steps: int, device: str = "cpu", plan: Plan | None = None) -> Iterator[Any]:
    """Train as the published script does, without genkit's engine in the process; `plan` spares another dry run."""
    plan = plan or given.case.plan(steps)
    torch.manual_seed(0)
    model = plan.build_model().to(device)
    draws = Fresh(given.data(given.case.batch_size), (given.case.batch_size, model.latent_dim), device)
    return published(given, plan, model, draws)


def side_of(make: Callable[[Comparison, int], Iterator[Any]], name: str, steps: int) -> Iterator[Any]:
    """Return a side, given the name of its comparison. Only the name is sent to the other process."""
    return make(named(name), steps)


def named(name: str) -> Comparison:
    """Return a comparison by its name."""
    return next(each for each in COMPARISONS if each.name == name)


def measure(given: Comparison, steps: int | None, clock: str, threads: int) -> dict[str, Any]:
    """Check and time a comparison, and return a row. Raises `SystemExit` if the sides do not compute the same."""
    differ = {precision: difference(given, precision) for precision in given.check.precisions}
    for precision, found in differ.items():
        if not found <= LARGEST_DIFFERENCE:
            raise SystemExit(
                f"{given.name}: in {precision} a total of genkit differs from the published one by {found:.1e} "
                f"(relative); at most {LARGEST_DIFFERENCE} is allowed. Nothing was timed."
            )

    steps = steps or given.steps
    total = (WARMUP if given.warmup is None else given.warmup) + steps
    sides = [
        SideApart(partial(side_of, make, given.name, total), clock, threads)
        for make in (steps_of_genkit, steps_as_published)
    ]
    took = compare(*sides, steps, given.warmup)
    peaks, waiting = [side.peak() for side in sides], sides[0].waiting
    for side in sides:
        side.close()
    return row(given, took, arithmetic_rate(CLOCKS[clock]), differ) | {
        "steps": steps,
        "memory": peaks[0] / peaks[1],
        "waiting": waiting,
    }


def row(given: Comparison, took: Took, rate: float, differ: Mapping[Precision, float]) -> dict[str, Any]:
    """Return the facts of a comparison. `rate` is that of a large product, in operations a second."""
    case = given.case
    theirs = steps_as_published(given, 1)
    with FlopCounterMode(display=False) as counted:
        next(theirs)
    flops = case.plan(1).dry_run.flops
    return {
        "case": given.name,
        "batch_size": case.batch_size,
        "published_ms": took.second_ms,
        "genkit_ms": took.first_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
        "target": given.target,
        "published_gflop": counted.get_total_flops() / 1e9,
        "genkit_gflop": flops / 1e9,
        "product_gflop_per_s": rate / 1e9,
        "share": flops / (took.first_ms / 1e3) / rate,
        "difference": dict(differ),
    }


def main() -> None:
    given = options("step", __doc__.splitlines()[0], {each.name: each.case.method for each in COMPARISONS}, threads=2)
    measured = [measure(named(name), given.steps, given.clock, given.threads) for name in given.cases]
    if given.json:
        print(
            json.dumps({"threads": given.threads, "clock": given.clock, "torch": torch.__version__, "rows": measured})
        )
        return
    rows = [
        (
            f"{row['case']}, {row['batch_size']}",
            f"{row['steps']}",
            f"{row['published_ms']:.2f}",
            f"{row['genkit_ms']:.2f}",
            f"{row['ratio']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            f">= {row['target']}" if row["target"] else "",
            f"{row['published_gflop'] / row['genkit_gflop']:.2f}",
            f"{row['share']:.0%}",
            f"{row['memory']:.2f}",
            f"{row['waiting']:.1%}",
            *(f"{row['difference'][each]:.0e}" if each in row["difference"] else "" for each in PRECISIONS),
        )
        for row in measured
    ]
    columns = (
        *("case, batch", "steps", "published, ms", "genkit, ms", "ratio", "95 % interval", "target"),
        *("FLOPs", "share", "memory", "waiting", "in fp64", "in fp32"),
    )
    console = Console()
    console.table(f"A step ({given.clock}), median, {given.threads} thread(s)", columns, rows)
    console.print("ratio, FLOPs: published / genkit. FLOPs counts matrix products and convolutions.")
    console.print(
        f"share: rate of genkit / rate of a float32 matrix product, {PRODUCT} x {PRODUCT}, on as many threads."
    )
    console.print("memory: genkit / published, peaks of whole processes.")
    console.print("waiting: part of genkit's steps in which they wait for their data.")
    console.print("in fp64, fp32: largest relative difference of a total over the first steps.")


if __name__ == "__main__":
    main()
