"""Early stopping: end a run when a metric no longer improves.

Prechelt 1998, "Early stopping - but when?", <https://doi.org/10.1007/3-540-49430-8_3>, section 2.1: the criterion UP_s,
here with the best value so far in place of the previous one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from genkit.api import (
    Callback,
    Doc,
    EvaluationRecord,
    NonNegativeFloat,
    NonNegativeInt,
    PlanView,
    PositiveInt,
    Result,
    RunView,
    StopTraining,
)


@dataclass
class EarlyStopping(Callback):
    """Stop a run when a metric has not improved in the last `patience` evaluations.

    The decision is a function of the logged evaluations, so a run that is killed and resumed stops at the same step.
    The run ends at the evaluation that decided; with ``[evaluate] best``, ``best/`` has the weights of the best one.
    """

    stops: ClassVar[bool] = True

    metric: Annotated[str, Doc("Label of a metric that [evaluate] computes during training.")]
    patience: Annotated[PositiveInt, Doc("Evaluations without an improvement after which the run stops.")] = 5
    min_change: Annotated[
        NonNegativeFloat, Doc("An improvement is a value that is better than the best one by more than this.")
    ] = 0.0
    after: Annotated[NonNegativeInt, Doc("Steps whose evaluations do not count, for example those of a warm-up.")] = 0

    def check(self, plan: PlanView) -> None:
        """Refuse a metric that is not evaluated during training, or that has no better direction."""
        if self.metric not in plan.metrics:
            known = ", ".join(plan.metrics) or "none"
            raise ValueError(f'no metric labelled "{self.metric}" in [metrics], which has {known}')
        evaluate = plan.resolved.get("evaluate")
        if evaluate is None:
            raise ValueError('the metric is computed at the end only. Add [evaluate] with "every"')
        if evaluate.get("metrics") and self.metric not in evaluate["metrics"]:
            raise ValueError(f'"{self.metric}" is not evaluated during training. Add it to metrics of [evaluate]')
        if plan.metrics[self.metric].better is None:
            raise ValueError(f'neither lower nor higher values of "{self.metric}" are better. Choose another metric')

    def started(self, run: RunView) -> None:
        """Keep the run, which has the evaluations."""
        self._run = run

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Stop the run if the metric has not improved for long enough. Raises `StopTraining`."""
        better = self._run.plan.metrics[self.metric].better
        counted = [record for record in self._run.evaluations() if self.after < record.step <= step]
        best, since = _best_and_since(counted, self.metric, better, self.min_change)
        if best is not None and since >= self.patience:
            value = f"{best.value(self.metric):g} at step {best.step}"
            evaluations = "evaluation" if since == 1 else "evaluations"
            raise StopTraining(f"{self.metric} was best with {value}; {since} {evaluations} since did not improve it")


def _best_and_since(
    records: Sequence[EvaluationRecord], label: str, better: Literal["lower", "higher"] | None, min_change: float
) -> tuple[EvaluationRecord | None, int]:
    """Return the last record that improved on those before it, and the number of records with a value since then."""
    sign = -1.0 if better == "higher" else 1.0
    best: EvaluationRecord | None = None
    lowest, since = float("inf"), 0
    for record in records:
        if (value := record.value(label)) is None:  # refused: it says nothing
            continue
        if best is None or sign * value < lowest - min_change:
            best, lowest, since = record, sign * value, 0
        else:
            since += 1
    return best, since
