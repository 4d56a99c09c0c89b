"""Time that the engine adds to a step: `genkit.engine.loop.train_steps` compared with the same step written by hand.

The networks are those of the published 8 Gaussians (MLP, width 256, latent dimension 2, batch 512), where arithmetic
takes a small part of a step. First both take a few steps with equal random numbers, to show that they compute the same.
Then single steps of both are timed alternately, so that other work of the machine affects both equally.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks import by_hand
from benchmarks.cases import EIGHT_GAUSSIANS, EIGHT_GAUSSIANS_GAN, Case
from benchmarks.interleaved import CLOCKS, STEPS, WARMUP, Side, compare, options, with_engine
from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.engine.state import initial_state

TARGET = 1.03  # ratio of medians
CHECKED = 6
DRAWS = ("randn", "rand", "randint")

SHARED = {"beta_rec": by_hand.BETA_REC, "beta_kl": by_hand.BETA_KL}
INTROSPECTIVE = {**SHARED, "beta_neg": by_hand.BETA_NEG, "gamma_r": by_hand.GAMMA_R}
CASES = {
    "vae": Case("vae", EIGHT_GAUSSIANS, by_hand.BATCH_SIZE, SHARED),
    "soft-introvae": Case("soft-introvae", EIGHT_GAUSSIANS, by_hand.BATCH_SIZE, INTROSPECTIVE),
    "as-introvae": Case("as-introvae", EIGHT_GAUSSIANS, by_hand.BATCH_SIZE, INTROSPECTIVE),
    "wgan-gp": Case(
        "wgan-gp",
        EIGHT_GAUSSIANS_GAN,
        by_hand.BATCH_SIZE,
        {"penalty": by_hand.PENALTY, "n_critic": by_hand.N_CRITIC},
    ),
}


@contextmanager
def draws_by(replacement: Any) -> Iterator[None]:
    """Replace each of torch's functions that draw random numbers by `replacement(original)` while the block runs."""
    with ExitStack() as stack:
        for name in DRAWS:
            stack.enter_context(patch.object(torch, name, replacement(getattr(torch, name))))
        yield


def difference(engine: Iterator[Any], hand: Iterator[Any]) -> float:
    """Return the largest difference between the totals of both, over some steps with the engine's random numbers."""
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
        with draws_by(lambda _, queue=drawn[::-1]: lambda *shape, **options: queue.pop()):
            totals = next(hand)
        largest = max(largest, *(abs((total - terms[name]).item()) for name, total in totals.items()))
    return largest


def measure(case: Case, steps: int, clock: Callable[[], int]) -> dict[str, Any]:
    # Ten times the steps that are taken, because AS-IntroVAE computes its distance in the first fifth of a run only.
    plan, world = case.plan(10 * (CHECKED + WARMUP + steps)), World()
    state = initial_state(plan, world)
    hand = by_hand.BY_HAND[case.method](copy.deepcopy(state.model), plan.steps)
    engine = with_engine(plan, state, world)

    differ = difference(engine, hand)
    took = compare(Side(hand, clock), Side(engine, clock), steps)
    return {
        "method": case.method,
        "by_hand_ms": took.first_ms,
        "engine_ms": took.second_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
        "difference": differ,
    }


def main() -> None:
    given = options("engine", __doc__.splitlines()[0], {case: case for case in CASES}, threads=1)
    steps = given.steps or STEPS
    measured = [measure(CASES[case], steps, CLOCKS[given.clock]) for case in given.cases]
    if given.json:
        facts = {"steps": steps, "threads": given.threads, "clock": given.clock, "target": TARGET}
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
    title = f"A step ({given.clock}), median of {steps}, {given.threads} thread(s); target: ratio <= {TARGET}"
    columns = ("method", "by hand, ms", "engine, ms", "ratio", "95 % interval", "added, µs", "difference of totals")
    Console().table(title, columns, rows)


if __name__ == "__main__":
    main()
