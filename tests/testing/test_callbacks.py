"""The laws of callbacks hold for the built-in one, and each mutant breaks one."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from support.tiny_recipes import tiny_plan

from genkit.api import Callback, StopTraining
from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.parts.callbacks.early_stopping import EarlyStopping
from genkit.parts.metrics.modes import Modes
from genkit.recipe.tables import Evaluate, Use
from genkit.testing import assert_callback_is_lawful

VALUES = (1.0, 3.0, 2.0, 2.0, 2.5, 2.0, 2.0)  # at steps 2, 4, ...


def records():
    protocol = EvaluationProtocol(100, "drawn", "raw")
    return [
        EvaluationRecord(2 * number, [Result("modes", value, "higher", protocol)])
        for number, value in enumerate(VALUES, start=1)
    ]


def check(callback, folder):
    plan = tiny_plan(data=Use("8-gaussians"), metrics={"modes": Use("modes", samples=100)}, evaluate=Evaluate(every=2))
    assert isinstance(plan.metrics["modes"], Modes)
    log = [{"step": step, "vae/total": float(step)} for step in range(1, 15)]
    assert_callback_is_lawful(callback, plan, folder, log=log, records=records())


@dataclass
class Follower(Callback):
    """Does nothing."""


@pytest.mark.parametrize("patience", [1, 3, 9])
def test_early_stopping_is_lawful(tmp_path, patience):
    check(EarlyStopping("modes", patience), tmp_path)
    check(Follower(), tmp_path)


@dataclass
class Counting(Callback):
    """Counts in an attribute, so a resume counts from 0."""

    stops: ClassVar[bool] = True

    def started(self, run):
        self.seen = 0

    def evaluated(self, step, results):
        self.seen += 1
        if self.seen == 4:
            raise StopTraining("four evaluations")


class StopsInSecret(Counting):
    stops: ClassVar[bool] = False


class Changing(Callback):
    def logged(self, step, line):
        line["mine"] = 1.0


class ChangingResults(Callback):
    def evaluated(self, step, results):
        results.clear()


class NotCopied(Callback):
    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")


class OpensLate(Callback):
    def stepped(self, step):
        self.opened = True

    def closed(self):
        assert self.opened


class Picky(Callback):
    def check(self, plan):
        raise ValueError("does not fit")


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Counting, "stops a resumed run at the same step"),
        (StopsInSecret, "stops only if declared"),
        (Changing, "changes nothing it is given"),
        (ChangingResults, "changes nothing it is given"),
        (NotCopied, "fits the plan"),
        (Picky, "fits the plan"),
        (OpensLate, "closes after its start"),
    ],
)
def test_an_unlawful_callback_is_found(tmp_path, kind, law):
    with pytest.raises(AssertionError, match=f'"{law}"'):
        check(kind(), tmp_path)


@pytest.mark.parametrize("kind", [Counting, Changing])
def test_a_callback_is_tried_on_a_made_up_run_without_a_plan(kind):
    assert_callback_is_lawful(EarlyStopping("high-quality", 2))
    with pytest.raises(AssertionError):
        assert_callback_is_lawful(kind())
