"""Time that a learnt mixture as the prior adds to a step, compared with the same step with N(0, I).

The loss is `soft-introvae-prior`, whose step asks the prior for six KL divergences, on the published networks of
CIFAR-10. The mixture has 100 Gaussians, with the KL by its bound in closed form, or by draws. Single steps with N(0, I)
and with the mixture are timed alternately, in one process.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks.cases import CIFAR10, Case, Networks
from benchmarks.interleaved import CLOCKS, EngineSteps, Side, compare, options, with_engine
from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.recipe.tables import Use

TARGET = 1.10  # ratio of medians, for the bound
METHOD, COMPONENTS, BATCH_SIZE = "soft-introvae-prior", 100, 64
STEPS, WARMUP = 8, 2
DRAWS = {"bound": None, "sampled-1": 1, "sampled-10": 10, "sampled-100": 100}  # by case


def steps_with(prior: Use | None, networks: Networks, batch_size: int, steps: int) -> EngineSteps:
    """Return steps of a training, the game from the first step on. Without a prior it is N(0, I)."""
    if prior is not None:
        model = Use(networks.model.name, **networks.model.arguments, prior=prior)
        networks = replace(networks, model=model, children=(*networks.children, "prior"))
    plan, world = Case(METHOD, networks, batch_size, {"beta_neg": 256.0, "bound_logvars": False}).plan(steps), World()
    return with_engine(plan, initial_state(plan, world), world)


def mixture(draws: int | None, components: int) -> Use:
    form: dict[str, Any] = {"kl": "bound"} if draws is None else {"kl": "sampled", "draws": draws}
    return Use("mixture", components=components, learnt=True, learnt_weights=True, **form)


def measure(
    case: str,
    steps: int,
    clock: Callable[[], int],
    networks: Networks = CIFAR10,
    batch_size: int = BATCH_SIZE,
    components: int = COMPONENTS,
) -> dict[str, Any]:
    priors = (None, mixture(DRAWS[case], components))
    sides = [Side(steps_with(prior, networks, batch_size, steps + WARMUP), clock) for prior in priors]
    took = compare(*sides, steps, warmup=WARMUP)
    return {
        "kl": case,
        "normal_ms": took.first_ms,
        "mixture_ms": took.second_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
    }


def main() -> None:
    given = options("prior", __doc__.splitlines()[0], dict.fromkeys(DRAWS, METHOD), threads=2)
    steps = given.steps or STEPS
    measured = [measure(case, steps, CLOCKS[given.clock]) for case in given.cases]
    if given.json:
        facts = {"steps": steps, "threads": given.threads, "clock": given.clock, "target": TARGET}
        print(json.dumps({**facts, "torch": torch.__version__, "rows": measured}))
        return
    Console().table(
        f"A step ({given.clock}) with a mixture of {COMPONENTS} Gaussians and with N(0, I), networks of CIFAR-10, "
        f"batch {BATCH_SIZE}, median of {steps}, {given.threads} thread(s); target: ratio <= {TARGET} for the bound",
        ("KL", "N(0, I), ms", "mixture, ms", "ratio", "95 % interval"),
        [
            (
                row["kl"],
                f"{row['normal_ms']:.1f}",
                f"{row['mixture_ms']:.1f}",
                f"{row['ratio']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
            )
            for row in measured
        ],
    )


if __name__ == "__main__":
    main()
