"""The numbers of a run on its way, and the weights that were best by one of them.

What is evaluated is a state that has been saved: a run that is killed at any moment goes on at the evaluation that it
did not finish. So best/, which is replaced before the line is written that says so, never holds weights of a step that
is not come to again. An evaluation changes nothing that training reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from genkit.core.metric import Metric
from genkit.engine.state import TrainState
from genkit.errors import UsageError
from genkit.evaluation.evaluate import Result, evaluate
from genkit.recipe.plan import Plan
from genkit.runs.model_folder import replace_model
from genkit.runs.run_folder import RunFolder


@dataclass(frozen=True)
class EvaluationRecord:
    """What one evaluation found."""

    step: int
    results: Sequence[Result]

    def value(self, label: str) -> float | None:
        """Return a number; None if it was refused or is not there."""
        return next((result.value for result in self.results if result.label == label), None)

    def as_line(self) -> dict[str, Any]:
        """Return it as a line of evaluations.jsonl: each number has its protocol beside it."""
        return {"step": self.step, "results": [result.as_dict() for result in self.results]}


def evaluations_of(folder: RunFolder) -> list[EvaluationRecord]:
    """Return what a run has evaluated so far, in order. Raises `UsageError` where the file is damaged."""
    try:
        return [
            EvaluationRecord(line["step"], [Result.from_dict(facts) for facts in line["results"]])
            for line in folder.evaluations.lines()
        ]
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{folder.evaluations.path}: is damaged ({error}). Delete it: only {folder.evaluations.lost}."
        ) from None


def due(plan: Plan, step: int) -> bool:
    """Tell whether the recipe asks for an evaluation after so many steps."""
    asked = plan.recipe.evaluate
    return asked is not None and step > 0 and (step % asked.every == 0 or step == plan.steps)


def metrics_on_the_way(plan: Plan) -> Mapping[str, Metric]:
    """Return the metrics that are evaluated before the end too, by label."""
    asked = plan.recipe.evaluate
    chosen = plan.metrics if asked is None or not asked.metrics else asked.metrics
    return {label: metric for label, metric in plan.metrics.items() if label in chosen}


def evaluate_state(plan: Plan, state: TrainState, folder: RunFolder) -> Sequence[Result]:
    """Return the numbers of the state, and write them down unless they are; keep its weights where they are best."""
    before = evaluations_of(folder)
    if before and before[-1].step == state.step:
        return before[-1].results
    with state.full_precision():
        results = evaluate(metrics_on_the_way(plan), plan.data, state.weights, plan.recipe.seed)
    now = EvaluationRecord(state.step, results)

    label = plan.recipe.evaluate.best if plan.recipe.evaluate else None
    if label is not None and best_of([*before, now], label, plan.metrics[label].better) is now:
        replace_model(plan, state, folder.best, {"best": {"metric": label, "value": now.value(label)}})
    folder.evaluations.append(now.as_line())
    return results


def evaluate_end(plan: Plan, state: TrainState, folder: RunFolder) -> list[Result]:
    """Return every number of the recipe at the end of the run; those that were evaluated just now are not made anew."""
    known = {result.label: result for one in evaluations_of(folder) if one.step == state.step for result in one.results}
    others = {label: metric for label, metric in plan.metrics.items() if label not in known}
    with state.full_precision():
        known |= {result.label: result for result in evaluate(others, plan.data, state.weights, plan.recipe.seed)}
    return [known[label] for label in plan.metrics]


def best_of(
    evaluated: Sequence[EvaluationRecord], label: str, better: Literal["lower", "higher"] | None
) -> EvaluationRecord | None:
    """Return the best by a metric, the earliest of equals; None where it has no number, or no direction."""
    sign = {"lower": 1, "higher": -1, None: 0}[better]
    scored = [(sign * value, one.step, one) for one in evaluated if (value := one.value(label)) is not None]
    return min(scored, key=lambda score: score[:2])[2] if scored and sign else None
