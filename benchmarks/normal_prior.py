"""Time that the prior N(0, I) takes as an object, compared with its formulas written by hand.

Codes are drawn and the KL of posteriors is computed, as a step on 8 Gaussians does it: 512 rows of two latent
dimensions. A timed pair is 100 calls of each side, which give equal numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.cases import EIGHT_GAUSSIANS, Case
from benchmarks.interleaved import CLOCKS, Side, compare, options
from genkit.console.output import Console
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows
from genkit.engine.distributed import World
from genkit.engine.state import initial_state

TARGET = 1.03  # ratio of medians
ROWS, CALLS, STEPS = 512, 100, 200
Pair = tuple[Tensor, Tensor]  # codes (B, L), KL (B,)


def by_the_object(model: Autoencoder, q: DiagNormal, noise: Noise) -> Pair:
    return model.prior.sample(noise), model.prior.kl(q, noise)


def by_hand(model: Autoencoder, q: DiagNormal, noise: Noise) -> Pair:
    codes = noise.randn("z", model.latent_dim)
    return codes, 0.5 * (q.mu.square() + q.logvar.exp() - 1 - q.logvar).sum(dim=1)


def repeated(work: Callable[[], Pair]) -> Iterator[Pair]:
    while True:
        for _ in range(CALLS - 1):
            work()
        yield work()


def equal(first: Pair, second: Pair) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def measure(steps: int, clock: Callable[[], int]) -> dict[str, float]:
    plan, world = Case("vae", EIGHT_GAUSSIANS, ROWS, {}).plan(steps=1), World()
    model = initial_state(plan, world).model
    noise = Noise(seed=0, step=0, source="prior", rows=Rows.all(ROWS))
    q = DiagNormal(noise.randn("mu", model.latent_dim), noise.randn("logvar", model.latent_dim))
    works = [partial(side, model, q, noise) for side in (by_hand, by_the_object)]
    if not equal(*(work() for work in works)):
        raise SystemExit("the two sides give different numbers")
    took = compare(*(Side(repeated(work), clock) for work in works), steps)
    by_hand_us, object_us = (1000 * ms / CALLS for ms in (took.first_ms, took.second_ms))
    return {"by_hand_us": by_hand_us, "object_us": object_us, "ratio": took.ratio, "low": took.low, "high": took.high}


def main() -> None:
    given = options("normal_prior", __doc__.splitlines()[0], {"vae": "vae"}, threads=1)
    steps = given.steps or STEPS
    row = measure(steps, CLOCKS[given.clock])
    if given.json:
        facts = {"steps": steps, "threads": given.threads, "clock": given.clock, "target": TARGET}
        print(json.dumps({**facts, "torch": torch.__version__, **row}))
        return
    Console().table(
        f"Codes and KL of {ROWS} rows ({given.clock}) with N(0, I), median of {steps} times {CALLS} calls, "
        f"{given.threads} thread(s); target: ratio <= {TARGET}",
        ("by hand, µs", "as an object, µs", "ratio", "95 % interval"),
        [
            (
                f"{row['by_hand_us']:.1f}",
                f"{row['object_us']:.1f}",
                f"{row['ratio']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
            )
        ],
    )


if __name__ == "__main__":
    main()
