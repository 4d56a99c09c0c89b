"""Evaluations during training, and the weights that were best by one metric.

An evaluation runs on a state that has just been saved, and best/ is replaced before the evaluation is logged. So a run
that is killed repeats the unfinished evaluation when it resumes, and best/ never holds weights of a step that the
resumed run does not reach again. An evaluation changes nothing that training reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from genkit.core.callback import Callback, RunView
from genkit.core.metric import Metric, ParallelMap
from genkit.core.result import EvaluationRecord, Result
from genkit.evaluation.compute_metrics import evaluate
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.results import read_results, results_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.signals import interruptible
from genkit.runs.training.live_run import LiveRun, Tell
from genkit.runs.training.model_folder import replace_model


class Evaluator(Callback):
    """Evaluates the model every `evaluate.every` steps and after the last step, and keeps the best weights in best/.

    Raises `KeyboardInterrupt` on Ctrl-C and SIGTERM at once: the state has been saved, so nothing is lost.
    """

    def __init__(self, run: LiveRun, tell: Tell):
        self._run, self._tell = run, tell

    def started(self, run: RunView) -> None:
        """Repeat the evaluation in which the run may have been killed."""
        self.stepped(run.step)

    def stepped(self, step: int) -> None:
        """Evaluate if it is due."""
        if is_evaluation_due(self._run.plan, step):
            self._evaluate(step)

    def stopped(self, step: int, reason: str) -> None:
        """Evaluate if the recipe asks for evaluations and `stepped` has made none."""
        if self._run.plan.recipe.evaluate is not None and not is_evaluation_due(self._run.plan, step):
            self._evaluate(step)

    def _evaluate(self, step: int) -> None:
        run = self._run
        with interruptible():
            results = run.led_by_main(partial(evaluate_state, run))
        self._tell("evaluated", step, results)


def is_evaluation_due(plan: Plan, step: int) -> bool:
    """Return whether the recipe asks for an evaluation after `step` steps."""
    asked = plan.recipe.evaluate
    return asked is not None and step > 0 and (step % asked.every == 0 or step == plan.steps)


def metrics_during_training(plan: Plan) -> Mapping[str, Metric]:
    """Return the metrics that are evaluated before the end of the run too, by label."""
    asked = plan.recipe.evaluate
    chosen = plan.metrics if asked is None or not asked.metrics else asked.metrics
    return {label: metric for label, metric in plan.metrics.items() if label in chosen}


def evaluate_state(run: LiveRun, parallel_map: ParallelMap = map) -> Sequence[Result]:
    """Evaluate the model, keep its weights if they are the best so far, and log the results; see `LiveRun.led_by_main`.

    Returns the logged results if this step has been evaluated already.
    """
    plan, state, folder = run.plan, run.state, run.folder
    earlier = evaluations_of(folder)
    if earlier and earlier[-1].step == state.step:
        return earlier[-1].results
    metrics, seed = metrics_during_training(plan), plan.recipe.seed
    results = evaluate(metrics, plan.data, state.weights, seed, parallel_map=parallel_map)
    record = EvaluationRecord(state.step, results)

    label = plan.recipe.evaluate.best if plan.recipe.evaluate else None
    if label is not None and best_of([*earlier, record], label, plan.metrics[label].better) is record:
        replace_model(run, folder.best, {"best": {"metric": label, "value": record.value(label)}})
    folder.evaluations.append(record.as_line())
    return results


def evaluate_end(run: LiveRun, parallel_map: ParallelMap = map) -> list[Result]:
    """Return all metrics of the recipe after the last step; those already evaluated at this step are reused."""
    plan, state = run.plan, run.state
    known = {
        result.label: result
        for record in evaluations_of(run.folder)
        if record.step == state.step
        for result in record.results
    }
    others = {label: metric for label, metric in plan.metrics.items() if label not in known}
    found = evaluate(others, plan.data, state.weights, plan.recipe.seed, parallel_map=parallel_map)
    known |= {result.label: result for result in found}
    return [known[label] for label in plan.metrics]


def evaluations_of(folder: RunFolder) -> list[EvaluationRecord]:
    """Return the evaluations that a run has logged, in order. Raises `UsageError` if the file is damaged."""
    try:
        return [EvaluationRecord(line["step"], results_of(line.get("results"))) for line in folder.evaluations.lines()]
    except ValueError as error:
        raise folder.evaluations.damaged(error) from None


def newest_evaluation(folder: RunFolder) -> EvaluationRecord | None:
    """Return the evaluation after the last step; of an unfinished run the newest one, None if there is none.

    Raises `UsageError` if a file is damaged.
    """
    if folder.finished:
        return EvaluationRecord(step_of(folder.final) or 0, read_results(folder.results))
    evaluations = evaluations_of(folder)
    return evaluations[-1] if evaluations else None


def best_of(
    records: Sequence[EvaluationRecord], label: str, better: Literal["lower", "higher"] | None
) -> EvaluationRecord | None:
    """Return the best record by a metric, the earliest of equals; None if it has no value or no better direction."""
    sign = {"lower": 1, "higher": -1, None: 0}[better]
    scored = [(sign * value, record.step, record) for record in records if (value := record.value(label)) is not None]
    return min(scored, key=lambda score: score[:2])[2] if scored and sign else None
