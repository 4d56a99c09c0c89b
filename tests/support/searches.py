"""Searches with a trainer that computes values instead of training, for tests of the loop around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit.core.result import EvaluationRecord, Result
from genkit.errors import Interrupted
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tuning.planning import SearchPlan, plan_search
from genkit.tuning.search import Ended, MustStop, NextRun, Search
from genkit.tuning.study import Study, TrialRecord
from support.commands import TINY

RECIPE = TINY.replace("steps = 5", "steps = 20") + "\n[evaluate]\nevery = 5\n"
SPACE = """\
title = "width and weight"
metric = "modes"
trials = 14
sampler = "tpe"
seeds = [3, 4]

[keys."loss.beta_kl"]
low = 0.01
high = 10.0
log = true

[keys."model.width"]
low = 8
high = 24
step = 8
"""

SAMPLERS = {
    "tpe": [],
    "random": [('"tpe"', '"random"'), ("trials = 14", "trials = 6")],
    "grid": [('"tpe"', '"grid"'), ("trials = 14\n", ""), ("log = true", "log = true\nstep = 10")],
}

# (beta_kl, width, seed, share of the training) -> value; nan: training diverges; None: the metric has no value
Value = Callable[[float, int, int, float], float | None]


def smooth(beta: float, width: int, seed: int, share: float) -> float:
    """Return a value with its best point at beta_kl = 1, the same for both seeds but for a shift."""
    return share * (8.0 - math.log10(beta) ** 2 + width / 100) + seed / 1000


_PLANS: dict[tuple[str, ...], Plan] = {}  # planning takes longer than all the rest of a computed search


class CachedSearchPlan(SearchPlan):
    """A plan of a search that plans each setting of its keys once for all tests. All tests have one recipe."""

    def plan_trial(self, params: Mapping[str, Any]) -> Plan:
        key = self.overrides_of(params)
        if key not in _PLANS:
            _PLANS[key] = super().plan_trial(params)
        return _PLANS[key]


def plan_in(folder: Path, *changes: tuple[str, str], recipe: str = RECIPE, overrides: Sequence[str] = ()) -> SearchPlan:
    """Write the recipe and the space, with pieces of its text replaced, and return the plan of the search."""
    text = SPACE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    (folder / "tiny.toml").write_text(recipe, encoding="utf-8")
    (folder / "space.toml").write_text(text, encoding="utf-8")
    plan = plan_search(folder / "tiny.toml", overrides, folder / "space.toml", load_registry())
    return CachedSearchPlan(**vars(plan)) if recipe == RECIPE else plan


class ComputedRuns:
    """A trainer whose runs are values of a function. They outlive a search, as run folders do.

    `kill_after` interrupts the search after that many steps of work; each run logs an evaluation in each.
    """

    def __init__(self, value: Value = smooth, jobs: int = 1, kill_after: float = math.inf):
        self.value, self.jobs, self.kill_after = value, jobs, kill_after
        self.logged: dict[str, list[int]] = {}  # steps by run
        self.finished: set[str] = set()
        self.trained: list[str] = []
        self.at_work: list[int] = []  # number of runs at work, at each step of work

    def evaluations(self, experiment: Experiment) -> list[EvaluationRecord]:
        steps = self.logged.get(experiment.run, [])
        return [EvaluationRecord(step, [self._result(experiment, step)]) for step in steps]

    def measured(self, experiment: Experiment) -> CellResult | None:
        if experiment.run not in self.finished:
            return None
        results = {"modes": self._result(experiment, experiment.plan.steps)}
        return CellResult(experiment.run, experiment.recipe_digest, experiment.recipe, results)

    def train(self, next_run: NextRun, must_stop: MustStop) -> Generator[Ended]:
        working: list[Experiment] = []
        while True:
            while len(working) < self.jobs and (experiment := next_run()) is not None:
                assert all(experiment.run != other.run for other in working), "two processes train one run"
                self.trained.append(experiment.run)
                working.append(experiment)
            if not working:
                return
            self.at_work.append(len(working))
            for experiment in list(working):
                self.kill_after -= 1
                if self.kill_after < 0:
                    raise Interrupted("killed")
                steps = self.logged.setdefault(experiment.run, [])
                steps.append((steps[-1] if steps else 0) + 5)
                done = steps[-1] >= experiment.plan.steps
                if must_stop(experiment):
                    working.remove(experiment)
                    yield Ended(experiment.run, 130)
                elif done:
                    working.remove(experiment)
                    if (value := self._value(experiment, 20)) is not None and math.isnan(value):
                        yield Ended(experiment.run, 3, "not finite")
                    else:
                        self.finished.add(experiment.run)
                        yield Ended(experiment.run, 0)

    def _value(self, experiment: Experiment, step: int) -> float | None:
        resolved = experiment.plan.resolved
        beta, width = resolved["loss"]["beta_kl"], resolved["model"]["width"]
        return self.value(beta, width, experiment.seed, step / experiment.plan.steps)

    def _result(self, experiment: Experiment, step: int) -> Result:
        protocol = experiment.plan.protocols["modes"]
        return Result("modes", self._value(experiment, step), "higher", protocol, reason="no sample")


class Failing(ComputedRuns):
    """Trainings that end with an exit code and a message, from a value of beta_kl on."""

    def __init__(self, code, message, above):
        super().__init__()
        self.code, self.message, self.above = code, message, above

    def train(self, next_run, must_stop):
        while (experiment := next_run()) is not None:
            if experiment.plan.resolved["loss"]["beta_kl"] >= self.above:
                yield Ended(experiment.run, self.code, self.message)
            else:
                self.trained.append(experiment.run)
                self.finished.add(experiment.run)
                yield Ended(experiment.run, 0)


def search(plan: SearchPlan, runs: ComputedRuns, study: Study | None = None) -> list[TrialRecord]:
    """Run a search to its end and return its trials."""
    study = study or Study(plan)
    Search(plan, study, runs, lambda record: None).run()
    return study.records


def facts_of(records: Sequence[TrialRecord]) -> list[Any]:
    """Return all that must be equal in two searches."""
    return [(each.number, each.params, each.state, each.value, each.facts) for each in records]
