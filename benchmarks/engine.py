"""What the engine adds to a step: a run of `genkit.engine.loop.train` beside the same mathematics written by hand.

On the networks of the published 8 Gaussians (MLP, width 256, latent dimension 2, batch 512), where the arithmetic of a
step is small and the rest of it large. First both take a few steps on equal draws, which shows that they compute the
same; then single steps of both are timed alternately, so that whatever else the machine does falls on both alike.
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


def measure(case: Case, steps: int, clock: Callable[[], int]) -> dict[str, Any]:
    # Ten times as long as what is run: AS-IntroVAE computes its distance in the first fifth.
    plan, world = case.plan(10 * (CHECKED + WARMUP + steps)), World()
    state = initial_state(plan, world)
    hand = by_hand.BY_HAND[case.method](copy.deepcopy(state.model), plan.steps)
    engine = with_engine(plan, state, world)

    differ = difference(case.method, engine, hand)
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
