"""The loop of a search: ask for a trial, train its seeds, tell the result, until all trials have ended.

With one job the trials are a function of the recipe and the space. A pruner decides on the evaluations of the first
seed in the order of their steps, however far the run has got meanwhile, so its decisions do not depend on time either.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from genkit.core.result import EvaluationRecord
from genkit.errors import OUT_OF_MEMORY, Diverged, Interrupted, RecipeError, RunError, UsageError
from genkit.evaluation.data_fingerprint import same_images
from genkit.runs.training.evaluate_during_training import is_evaluation_due
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tuning.planning import SearchPlan
from genkit.tuning.study import State, Study, TrialRecord

MOST_FAILURES = 3  # trainings in a row: the cause is then rather the machine than the values
# Exit codes of a run that cannot begin, for example since its folder is in use, and of one that somebody has stopped.
NOT_BY_VALUES = (UsageError.exit_code, Interrupted.exit_code)


class Ended(NamedTuple):
    """A run whose training has ended: its exit code, and its error if that is not 0."""

    run: str
    code: int
    message: str = ""


NextRun = Callable[[], Experiment | None]
MustStop = Callable[[Experiment], bool]


class Trainer(Protocol):
    """Training of runs, several at a time."""

    def evaluations(self, experiment: Experiment) -> Sequence[EvaluationRecord]:
        """Return the evaluations that a run has logged; none if it has not begun."""
        ...

    def measured(self, experiment: Experiment) -> CellResult | None:
        """Return the result of a run; None if it has not finished."""
        ...

    def train(self, next_run: NextRun, must_stop: MustStop) -> Generator[Ended]:
        """Train what `next_run` returns until it returns None and nothing trains, and yield each run that has ended.

        `next_run` is called whenever there is room for a run. A run for which `must_stop` is true saves and stops.
        """
        ...


@dataclass(eq=False)
class _Active:
    """A trial that has started, and whose last run has not stopped."""

    number: int
    left: list[Experiment]  # the seeds that are not measured yet
    facts: dict[str, Any]  # see `TrialRecord.facts`
    seen: set[int] = field(default_factory=set)  # steps of the evaluations that the pruner has seen
    training: bool = False
    ended: bool = False


class Search:
    """A search at work. `report` takes each trial that has ended."""

    def __init__(self, plan: SearchPlan, study: Study, trainer: Trainer, report: Callable[[TrialRecord], None]):
        self._plan, self._study, self._trainer, self._report = plan, study, trainer, report
        self._label = plan.spec.metric
        self._unfinished = [record for record in study.records if record.state == "running"]  # of an earlier command
        self._active: list[_Active] = []
        self._failures = 0  # trainings in a row
        self._data = next((data for record in study.records if (data := record.facts.get("data"))), None)

    def run(self) -> None:
        """Run all trials to their end. Raises `RunError` if training does not work, `Interrupted` and `UsageError`."""
        with closing(self._trainer.train(self._next_run, self._must_stop)) as ended:
            for each in ended:
                self._ended(each)

    def _next_run(self) -> Experiment | None:
        for trial in list(self._active):
            if (experiment := self._due(trial)) is not None:
                return experiment
        if self._is_one_waiting():  # what it waits for should be known before the next trial is chosen
            return None
        for trial in self._begin():
            experiment = self._due(trial)
            if experiment is not None or self._is_one_waiting():
                return experiment
        return None

    def _is_one_waiting(self) -> bool:
        return any(not trial.training for trial in self._active)

    def _begin(self) -> Iterator[_Active]:
        """Yield trials: first those that an earlier command has left, then new ones. What is refused has failed."""
        while self._unfinished or len(self._study.records) < trials_of(self._plan):
            record = self._unfinished.pop(0) if self._unfinished else self._study.ask()
            try:
                plan = self._plan.plan_trial(record.params)
            except RecipeError as error:
                reasons = dict.fromkeys(f"{'.'.join(each.place.path)}: {each.text}" for each in error.problems)
                facts = {"reason": f"refused by the plan: {'; '.join(reasons)}"}
                self._report(self._study.tell(record.number, None, "failed", facts))
                continue
            try:
                plan.check_met()
            except UsageError as error:  # more memory than there is, for example
                self._plan.base.check_met()  # what no trial can do without ends the search
                self._report(self._study.tell(record.number, None, "failed", {"reason": str(error)}))
                continue
            experiments = self._plan.experiments_of(record.number, record.params, plan)
            runs = {"values": {}, "runs": [each.run for each in experiments]}
            self._active.append(trial := _Active(record.number, experiments, runs))
            yield trial

    def _due(self, trial: _Active) -> Experiment | None:
        """Return the run of a trial that must train now; None if it is training, has to wait, or has ended."""
        while trial.left and not trial.training:
            experiment = trial.left[0]
            if any(other.training and other.left[0].run == experiment.run for other in self._active):
                return None  # another trial has the same values
            if self._is_pruned(trial):
                return None
            result = self._trainer.measured(experiment)
            if result is None:
                trial.training = True
                return experiment
            self._take(trial, result)
            if trial.ended:
                return None
        if not trial.training:
            self._end(trial, statistics.fmean(trial.facts["values"].values()))
        return None

    def _take(self, trial: _Active, result: CellResult) -> None:
        """Take the value of a seed. A seed without a value ends the trial."""
        experiment = trial.left.pop(0)
        found = result.results[self._label]
        self._check_data(trial, experiment, result)
        if found.value is None:
            self._end(trial, None, "failed", f"seed {experiment.seed}: {found.reason}")
        else:
            trial.facts["values"][str(experiment.seed)] = found.value

    def _is_pruned(self, trial: _Active) -> bool:
        """Show the pruner the new evaluations of the first seed; return whether the trial has ended."""
        if trial.ended or trial.facts["values"] or self._plan.spec.pruner == "none":
            return trial.ended
        experiment = trial.left[0]
        for record in self._trainer.evaluations(experiment):
            value, step = record.value(self._label), record.step
            if value is None or step in trial.seen or not self._counts(experiment, step):
                continue
            trial.seen.add(step)
            if self._study.should_prune(trial.number, step, value):
                self._end(trial, None, "pruned", f"stopped at step {step}")
                return True
        return False

    def _counts(self, experiment: Experiment, step: int) -> bool:
        return is_evaluation_due(experiment.plan, step) and step < experiment.plan.steps

    def _must_stop(self, experiment: Experiment) -> bool:
        trial = next(each for each in self._active if each.training and each.left[0] is experiment)
        return self._is_pruned(trial)

    def _ended(self, ended: Ended) -> None:
        trial = next(each for each in self._active if each.training and each.left[0].run == ended.run)
        trial.training = False
        if trial.ended:
            self._active.remove(trial)
        elif ended.code in NOT_BY_VALUES and not ended.message.startswith(OUT_OF_MEMORY):
            raise RunError(f"trial {trial.number}, {ended.run}: {ended.message}")
        elif ended.code == Diverged.exit_code:
            self._failures = 0
            worst = math.inf if self._plan.better == "lower" else -math.inf
            self._end(trial, worst, "complete", f"diverged with seed {trial.left[0].seed}: {ended.message}")
        elif ended.code != 0:
            self._fail(trial, ended)
        else:
            self._failures = 0

    def _fail(self, trial: _Active, ended: Ended) -> None:
        """End a trial whose training has failed, for example out of memory. Others go on, unless all fail."""
        self._failures += 1
        self._end(trial, None, "failed", f"failed with seed {trial.left[0].seed}: {ended.message}")
        if self._failures >= MOST_FAILURES:
            raise RunError(
                f"{self._failures} trainings in a row have failed, the last that of trial {trial.number}, {ended.run}: "
                f"{ended.message} If their values are the cause, repeat the command, which goes on with the other "
                "trials. Otherwise remove the cause, and repeat it with --retry-failed."
            )

    def _end(self, trial: _Active, value: float | None, state: State = "complete", reason: str = "") -> None:
        trial.ended = True
        if not trial.training:
            self._active.remove(trial)
        facts = {**trial.facts, "reason": reason} if reason else trial.facts
        self._report(self._study.tell(trial.number, value, state, facts))

    def _check_data(self, trial: _Active, experiment: Experiment, result: CellResult) -> None:
        """Refuse a run that was trained on other data than the trials before it, although its recipe is the same."""
        data = result.made_with.get("data", {})
        split = result.results[self._label].protocol.split
        for each in dict.fromkeys(("train", split)):
            if self._data is not None and same_images(self._data, data, each) is False:
                raise UsageError(
                    f"{experiment.run}: the {each} split differs from that of earlier trials, so their numbers cannot "
                    "be compared. Restore the data, or start again in another folder with --out and --runs."
                )
        if self._data is None and data:
            self._data = trial.facts["data"] = data


def trials_of(plan: SearchPlan) -> int:
    """Return the number of trials of a search."""
    if plan.spec.trials is not None:
        return plan.spec.trials
    return math.prod(len(axis.grid()) for axis in plan.axes)
