"""The study of a search: which trials there are, which comes next, and which stops early.

Optuna's samplers hold a random generator, whose state a killed command would lose. So each trial has a sampler of its
own, with a seed made of the number of the trial: the next trial is a function of the trials before it. Everything is
computed in memory; the journal gets a trial when it starts and when it has ended, and never something in between. So a
search that was killed at any moment goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, Protocol

from genkit.tuning.axis import Axis
from genkit.tuning.planning import SearchPlan

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

NAME = "genkit"  # of the study; the brackets of hyperband depend on it
State = Literal["planned", "running", "complete", "pruned", "failed"]


@dataclass(frozen=True)
class TrialRecord:
    """A trial as it is stored."""

    number: int
    params: dict[str, Any]  # by key, in the form that Optuna stores
    state: State
    value: float | None  # mean over the seeds; of a pruned trial its last evaluation; infinite if training diverged
    facts: dict[str, Any]  # "values" by seed, "runs", "reason", "data"

    @property
    def values(self) -> list[float]:
        """The values of the seeds that have one."""
        return list(self.facts.get("values", {}).values())

    @property
    def reason(self) -> str:
        """Why the trial has no number, or was stopped; empty for any other."""
        return self.facts.get("reason", "")


class TrialLog(Protocol):
    """Place where trials are kept."""

    def started(self, trial: FrozenTrial) -> None:
        """Keep a trial with its values."""
        ...

    def ended(self, trial: FrozenTrial) -> None:
        """Keep the end of a trial."""
        ...


class Study:
    """The trials of a search, and the choice of the next one."""

    def __init__(self, plan: SearchPlan, trials: Sequence[FrozenTrial] = (), log: TrialLog | None = None):
        """`trials` are those of an earlier command; `log` keeps what is added."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._plan, self._log = plan, log
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage, study_name=NAME, direction=direction_of(plan), pruner=_pruner(plan)
        )
        self._study.add_trials(trials)
        self._running: dict[int, Trial] = {}

    @property
    def records(self) -> list[TrialRecord]:
        """All trials, in the order of their numbers."""
        return [_record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def ask(self) -> TrialRecord:
        """Start the next trial."""
        number = len(self._study.get_trials(deepcopy=False))
        if self._plan.spec.sampler == "grid":
            self._study.enqueue_trial(self._next_point())
        self._study.sampler = self._sampler(number)
        self._running[number] = trial = self._study.ask()
        for axis in self._plan.axes:
            _suggest(trial, axis, grid=self._plan.spec.sampler == "grid")
        if self._log is not None:
            self._log.started(self._frozen(number))
        return self.records[number]

    def should_prune(self, number: int, step: int, value: float) -> bool:
        """Report an evaluation of a trial, and return whether the pruner stops it there."""
        trial = self._trial(number)
        trial.report(value, step)
        return trial.should_prune()

    def tell(self, number: int, value: float | None, state: State, facts: dict[str, Any]) -> TrialRecord:
        """End a trial; `value` is None unless it is complete. `facts` are stored with it."""
        from optuna.trial import TrialState

        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        trial = self._trial(number)
        for name, fact in facts.items():
            trial.set_user_attr(name, fact)
        self._study.tell(number, value, state=states[state])
        if self._log is not None:
            self._log.ended(self._frozen(number))
        return self.records[number]

    def _trial(self, number: int) -> Trial:
        """Return a trial that has not ended, with what its sampler knows of it."""
        from optuna.trial import Trial

        self._study.sampler = self._sampler(number)
        if number not in self._running:
            study = self._storage.get_study_id_from_name(NAME)
            trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
            self._running[number] = Trial(self._study, trial)
        return self._running[number]

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials()[number]

    def _sampler(self, number: int) -> BaseSampler:
        from optuna.samplers import RandomSampler, TPESampler

        spec = self._plan.spec
        seed = _seed("sampler", spec.sampler_seed, number)
        return TPESampler(seed=seed) if spec.sampler == "tpe" else RandomSampler(seed=seed)

    def _next_point(self) -> dict[str, Any]:
        """Return the first point of the grid that no trial has, in an order that depends on the space only.

        The order of Optuna's sampler depends on its version too: a search that goes on with another version would train
        some points twice and miss others.
        """
        names = [axis.name for axis in self._plan.axes]
        trials = self._study.get_trials(deepcopy=False)
        tried = {tuple(trial.params[name] for name in names) for trial in trials}
        points = enumerate(product(*(axis.grid() for axis in self._plan.axes)))
        seed = self._plan.spec.sampler_seed
        left = [(_seed("grid", seed, index), index, point) for index, point in points if point not in tried]
        return dict(zip(names, min(left, key=lambda entry: entry[:2])[2], strict=True))


def direction_of(plan: SearchPlan) -> Literal["minimize", "maximize"]:
    """Return the direction of a search as Optuna calls it."""
    return "minimize" if plan.better == "lower" else "maximize"


def _suggest(trial: Trial, axis: Axis, *, grid: bool) -> None:
    if grid or not axis.is_range:
        choices: Sequence[Any] = axis.grid() if grid else list(axis.choices())
        trial.suggest_categorical(axis.name, choices)
        return
    low, high = axis.ends
    spec = axis.spec
    if axis.is_whole:
        trial.suggest_int(axis.name, int(low), int(high), step=int(spec.step or 1), log=spec.log)
    else:
        trial.suggest_float(axis.name, low, high, step=spec.step, log=spec.log)


def _pruner(plan: SearchPlan) -> BasePruner:
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner

    evaluate = plan.base.recipe.evaluate
    if plan.spec.pruner == "median":
        return MedianPruner()
    if plan.spec.pruner == "hyperband" and evaluate is not None:
        return HyperbandPruner(min_resource=evaluate.every, max_resource=max(plan.base.steps, evaluate.every))
    return NopPruner()


def _record(trial: FrozenTrial) -> TrialRecord:
    states: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    state = states.get(trial.state.name, "running")
    return TrialRecord(trial.number, dict(trial.params), state, trial.value, dict(trial.user_attrs))


def _seed(*parts: object) -> int:
    """Return a seed of 32 bits that is a function of these parts."""
    return int.from_bytes(hashlib.blake2b(json.dumps(parts).encode(), digest_size=4).digest())
