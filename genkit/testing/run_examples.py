"""A made-up run of a small VAE, for callbacks: its plan, log and evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Evaluate, Recipe, Train, Use

STEPS, EVERY = 16, 2
RISE, BEST = 0.25, 6  # a number gets better up to this evaluation


def example_run(metric: str = "high-quality") -> tuple[Plan, Sequence[Mapping[str, float]], Sequence[EvaluationRecord]]:
    """Return a plan that evaluates a metric every second step, the lines of its log, and its evaluations."""
    rate = Use("adam", lr=1e-3)
    plan = make_plan(
        Recipe(
            title="example",
            data=Use("8-gaussians"),
            model=Use("mlp", width=8, layers=1),
            loss=Use("vae"),
            optimiser={"encoder": rate, "decoder": rate},
            train=Train(steps=STEPS, batch_size=8),
            metrics={metric: Use(metric, samples=100)},
            evaluate=Evaluate(every=EVERY),
        )
    )
    log = [{"step": step, "vae/total": 1 / step, "vae/rec": 0.5 / step} for step in range(1, STEPS + 1)]
    protocol = EvaluationProtocol(100, "drawn", "raw")
    better = plan.metrics[metric].better
    records = []
    for number in range(1, STEPS // EVERY + 1):
        value = RISE * (BEST - abs(BEST - number))
        signed = value if better == "higher" else -value
        records.append(EvaluationRecord(EVERY * number, [Result(metric, signed, better, protocol)]))
    return plan, log, records
