"""Laws of callbacks."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genkit.core.callback import Callback, StopTraining
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Model
from genkit.core.result import EvaluationRecord
from genkit.recipe.plan import Plan


@dataclass
class RecordedRun:
    """Run whose log and evaluations are given, as a callback sees it (`genkit.core.callback.RunView`)."""

    plan: Plan
    folder: Path
    log: Sequence[Mapping[str, float]]  # lines with their "step"
    records: Sequence[EvaluationRecord]
    step: int = 0

    def lines(self) -> Sequence[Mapping[str, float]]:
        """Return the lines up to the current step."""
        return [line for line in self.log if line["step"] <= self.step]

    def evaluations(self) -> Sequence[EvaluationRecord]:
        """Return the evaluations up to the current step."""
        return [record for record in self.records if record.step <= self.step]

    def model(self, weights: Literal["raw", "ema"] | None = None) -> Model:
        """Return the initial model of the plan."""
        with seeded_generators(0):
            return self.plan.build_model().requires_grad_(False).eval()


def assert_callback_is_lawful(
    callback: Callback,
    plan: Plan,
    folder: Path,
    *,
    log: Sequence[Mapping[str, float]] = (),
    records: Sequence[EvaluationRecord] = (),
) -> None:
    """Assert what a run assumes of a callback, in a run with this plan, log and evaluations.

    - It fits the plan, and can be copied: each run follows a copy.
    - It changes nothing that it is given.
    - It can be closed as soon as it has started.
    - It raises `StopTraining` only if `stops` is true. It then stops a run that is resumed at any step where it stops
      the run that was not interrupted, although a resume repeats the evaluation of its checkpoint.
    """
    callback.check(plan)
    assert all(text.isprintable() for text in callback.unmet()), f"unmet: {callback.unmet()}"
    opened = copy.deepcopy(callback)
    opened.started(RecordedRun(plan, folder, log, records))
    opened.closed()
    last = max((*(int(line["step"]) for line in log), *(record.step for record in records)), default=1)
    before = copy.deepcopy((log, records))
    stopped = _stop_of(callback, RecordedRun(plan, folder, log, records), last)
    assert (log, records) == before, "the callback has changed a line or a result that it was given"
    for start in range(1, last if stopped is None else stopped):
        resumed = _stop_of(callback, RecordedRun(plan, folder, log, records, start), last)
        assert resumed == stopped, (
            f"a run that is resumed at step {start} stops at {resumed}, the uninterrupted one at {stopped}. Decide "
            "from run.lines() and run.evaluations()"
        )


def _stop_of(callback: Callback, run: RecordedRun, last: int) -> int | None:
    """Return the step at which a copy of the callback stops the run, which goes on from its present step."""
    following, start = copy.deepcopy(callback), run.step
    following.started(run)
    try:
        for step in range(start, last + 1):
            run.step = step
            if step > start:
                for line in run.log:
                    if line["step"] == step:
                        following.logged(step, line)
                following.stepped(step)
            for record in run.records:
                if record.step == step:
                    following.evaluated(step, record.results)
        following.finished(last, ())
    except StopTraining as stop:
        assert type(callback).stops, f"{stop}: only a callback whose `stops` is true may raise StopTraining"
        following.stopped(run.step, str(stop))
        return run.step
    finally:
        following.closed()
    return None
