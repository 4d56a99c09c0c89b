"""Laws of callbacks."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from genkit.core.callback import Callback, StopTraining
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Model
from genkit.core.result import EvaluationRecord
from genkit.recipe.plan import Plan
from genkit.testing.law import Law, hold
from genkit.testing.run_examples import example_run


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
    plan: Plan | None = None,
    folder: Path | None = None,
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

    Without a plan it is that of a small VAE, whose log and evaluations are made up: metrics get better, then worse. The
    folder is by default a temporary one.
    """
    with TemporaryDirectory() as temporary:
        if plan is None:
            plan, log, records = example_run()
        hold(callback, _Trial(callback, RecordedRun(plan, folder or Path(temporary), log, records)).laws())


@dataclass(frozen=True)
class _Trial:
    callback: Callback
    run: RecordedRun

    def laws(self) -> list[Law]:
        return [
            Law(
                "fits the plan",
                self.fits,
                "Derive from genkit.api.Callback; `unmet` returns a tuple of messages; keep no open file in a field",
                basic=True,
            ),
            Law(
                "follows a run",
                self.follows,
                "Take the arguments of the methods of genkit.api.Callback, and expect any term or number of a run",
                basic=True,
            ),
            Law(
                "stops only if declared",
                self.stops,
                "Declare `stops: ClassVar[bool] = True`, so that its keys decide the weights of a run",
                basic=True,
            ),
            Law("closes after its start", self.closes, "Set in `started` every attribute that `closed` reads"),
            Law(
                "changes nothing it is given",
                self.changes_nothing,
                "Copy a line or a list of results before you change it",
            ),
            Law(
                "stops a resumed run at the same step",
                self.resumes,
                "Decide from run.lines() and run.evaluations(), not from what this process has counted",
            ),
        ]

    def fits(self) -> None:
        assert isinstance(self.callback, Callback), "it is not derived from genkit.api.Callback"
        self.callback.check(self.run.plan)
        unmet = self.callback.unmet()
        assert isinstance(unmet, (tuple, list)) and all(text.isprintable() for text in unmet), f"unmet: {unmet!r}"
        copy.deepcopy(self.callback)

    def follows(self) -> None:
        _stop_of(self.callback, self.fresh(), self.last)

    def stops(self) -> None:
        stopped = _stop_of(self.callback, self.fresh(), self.last)
        assert stopped is None or type(self.callback).stops, f"it stops the run at step {stopped}, but `stops` is false"

    def closes(self) -> None:
        opened = copy.deepcopy(self.callback)
        opened.started(self.fresh())
        opened.closed()

    def changes_nothing(self) -> None:
        given = self.fresh()
        _stop_of(self.callback, given, self.last)
        assert (given.log, given.records) == (self.run.log, self.run.records), (
            "it has changed a line of the log or a result"
        )

    def resumes(self) -> None:
        stopped = _stop_of(self.callback, self.fresh(), self.last)
        for start in range(1, self.last if stopped is None else stopped):
            resumed = _stop_of(self.callback, self.fresh(start), self.last)
            assert resumed == stopped, (
                f"a run that is resumed at step {start} stops at {resumed}, the uninterrupted one at {stopped}"
            )

    def fresh(self, step: int = 0) -> RecordedRun:
        """Return the run at a step, with copies of what a callback may change."""
        return replace(self.run, log=copy.deepcopy(self.run.log), records=copy.deepcopy(self.run.records), step=step)

    @property
    def last(self) -> int:
        steps = (*(int(line["step"]) for line in self.run.log), *(record.step for record in self.run.records))
        return max(steps, default=1)


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
        following.stopped(run.step, str(stop))
        return run.step
    finally:
        following.closed()
    return None
