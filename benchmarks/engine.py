"""What the engine adds to a step: a run of `genkit.engine.loop.train` beside the same mathematics written by hand.

On the networks of the published 8 Gaussians (MLP, width 256, latent dimension 2, batch 512), where the arithmetic of a
step is small and the rest of it large. First both take a few steps on equal draws, which shows that they compute the
same; then single steps of both are timed alternately, so that whatever else the machine does falls on both alike.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter_ns, process_time_ns
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from benchmarks import by_hand
from genkit.engine.health import FiniteWatch
from genkit.engine.loop import train
from genkit.engine.state import TrainState, initial_state
from genkit.engine.world import World
from genkit.plan import Plan, make_plan
from genkit.recipe import Recipe, Train, Use
from genkit.registry import load_registry
from genkit.report.terminal import Voice

TARGET = 1.03  # ratio of medians
WARMUP, CHECKED, RESAMPLES = 30, 6, 2000
DRAWS = ("randn", "rand", "randint")
CLOCKS = {"wall": perf_counter_ns, "cpu": process_time_ns}

SHARED = {"beta_rec": by_hand.BETA_REC, "beta_kl": by_hand.BETA_KL}
LOSSES = {
    "vae": SHARED,
    "soft-introvae": {**SHARED, "beta_neg": by_hand.BETA_NEG, "gamma_r": by_hand.GAMMA_R},
    "as-introvae": {**SHARED, "beta_neg": by_hand.BETA_NEG, "gamma_r": by_hand.GAMMA_R},
    "wgan-gp": {"penalty": by_hand.PENALTY, "n_critic": by_hand.N_CRITIC},
}


def plan_of(method: str, steps: int) -> Plan:
    model, children = ("mlp-gan", "generator critic") if method == "wgan-gp" else ("mlp", "encoder decoder")
    return make_plan(
        Recipe(
            title=f"{method} on 8 Gaussians",
            data=Use("8-gaussians"),
            model=Use(model, width=256, layers=3),
            loss=Use(method, **LOSSES[method]),
            optimiser={child: Use("adam", lr=by_hand.LR) for child in children.split()},
            train=Train(steps=steps, batch_size=by_hand.BATCH_SIZE),
        )
    )


def with_engine(plan: Plan, state: TrainState, world: World) -> Iterator[Any]:
    """Train as `genkit.run` does, without what it does only now and then."""
    watch = FiniteWatch()
    for record in train(plan, state, world):
        watch.observe(record)
        yield record.terms


@contextmanager
def draws_by(replacement: Any) -> Iterator[None]:
    """Within the context, let `replacement(original)` stand for each of torch's functions that draw numbers."""
    with ExitStack() as stack:
        for name in DRAWS:
            stack.enter_context(patch.object(torch, name, replacement(getattr(torch, name))))
        yield


def difference(method: str, engine: Iterator[Any], hand: Iterator[Any]) -> float:
    """Return the largest difference between the totals of both over some steps on the draws of the engine."""
    largest = 0.0
    for _ in range(CHECKED):
        drawn: list[Tensor] = []

        def recording(original: Any, drawn: list[Tensor] = drawn) -> Any:
            def draw(*shape: Any, **options: Any) -> Tensor:
                drawn.append(original(*shape, **options))
                return drawn[-1]

            return draw

        with draws_by(recording):
            terms = next(engine)
        if method == "vae":
            del drawn[2]  # z, which the engine draws for every method and a VAE does not read
        with draws_by(lambda _, queue=drawn[::-1]: lambda *shape, **options: queue.pop()):
            totals = next(hand)
        largest = max(largest, *(abs((total - terms[name]).item()) for name, total in totals.items()))
    return largest


def alternate(a: Iterator[Any], b: Iterator[Any], steps: int, clock: Callable[[], int]) -> np.ndarray:
    """Return the nanoseconds of each step of both, (steps, 2): a b a b ... and, from the middle on, b a b a ..."""
    times = np.zeros((steps, 2))
    for step in range(steps):
        for side in (0, 1) if step < steps // 2 else (1, 0):
            start = clock()
            next((a, b)[side])
            times[step, side] = clock() - start
    return times


def interval(times: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of medians, by a bootstrap over pairs of steps."""
    picked = np.random.default_rng(0).integers(len(times), size=(RESAMPLES, len(times)))
    medians = np.median(times[picked], axis=1)
    low, high = np.quantile(medians[:, 1] / medians[:, 0], [0.025, 0.975])
    return float(low), float(high)


def measure(method: str, steps: int, clock: Callable[[], int]) -> dict[str, Any]:
    # Ten times as long as what is run: AS-IntroVAE computes its distance in the first fifth.
    plan, world = plan_of(method, 10 * (CHECKED + WARMUP + steps)), World()
    state = initial_state(plan, world)
    hand = by_hand.BY_HAND[method](copy.deepcopy(state.model), plan.steps)
    engine = with_engine(plan, state, world)

    differ = difference(method, engine, hand)
    alternate(hand, engine, WARMUP, clock)
    times = alternate(hand, engine, steps, clock)
    by_hand_ns, engine_ns = np.median(times, axis=0)
    low, high = interval(times)
    return {
        "method": method,
        "by_hand_ms": by_hand_ns / 1e6,
        "engine_ms": engine_ns / 1e6,
        "ratio": engine_ns / by_hand_ns,
        "low": low,
        "high": high,
        "difference": differ,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(LOSSES)}; all by default")
    parser.add_argument("--steps", type=int, default=200, help="timed steps of each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: where others use the machine too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    installed = {part.entry.name for part in load_registry().of_kind("losses")}
    methods = options.methods or [method for method in LOSSES if method in installed]
    if unknown := set(methods) - LOSSES.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if missing := set(methods) - installed:
        parser.error(f"not installed: {', '.join(sorted(missing))}")

    measured = [measure(method, options.steps, CLOCKS[options.clock]) for method in methods]
    if options.json:
        facts = {"steps": options.steps, "threads": options.threads, "clock": options.clock, "target": TARGET}
        print(json.dumps({**facts, "torch": torch.__version__, "rows": measured}))
        return
    rows = [
        (
            row["method"],
            f"{row['by_hand_ms']:.3f}",
            f"{row['engine_ms']:.3f}",
            f"{row['ratio']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            f"{1000 * (row['engine_ms'] - row['by_hand_ms']):.0f}",
            f"{row['difference']:.1e}",
        )
        for row in measured
    ]
    title = (
        f"A step ({options.clock}), median of {options.steps}, {options.threads} thread(s); target: ratio <= {TARGET}"
    )
    columns = ("method", "by hand, ms", "engine, ms", "ratio", "95 % interval", "added, µs", "difference of totals")
    Voice().table(title, columns, rows)


if __name__ == "__main__":
    main()
