"""The laws of schedules: each mutant, a schedule with one mistake, breaks one."""

import math
import random
from dataclasses import dataclass, field

import pytest
import torch

from genkit.testing import assert_schedule_is_lawful


@dataclass(frozen=True)
class Ramp:
    def __call__(self, t: float, /) -> float:
        return 2 * t


class OfTensors(Ramp):
    def __call__(self, t, /):
        return torch.tensor(2 * t)


class AtTheEnd(Ramp):
    def __call__(self, t, /):
        return math.log(1 - t) if t < 1 else -math.inf


class DividesAtTheStart(Ramp):
    def __call__(self, t, /):
        return 1 / t


@dataclass(frozen=True)
class Counts(Ramp):
    calls: list = field(default_factory=list)

    def __call__(self, t, /):
        self.calls.append(t)
        return 1 / len(self.calls)


@dataclass(frozen=True)
class Largest(Ramp):
    """Keeps the largest value so far, so a run that is resumed has another one."""

    seen: list = field(default_factory=list)

    def __call__(self, t, /):
        self.seen.append(t)
        return max(self.seen)


class Noisy(Ramp):
    def __call__(self, t, /):
        return t + 1e-3 * random.random()


def test_a_lawful_schedule_passes():
    assert_schedule_is_lawful(Ramp())


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (OfTensors, "a finite number on [0, 1]"),
        (AtTheEnd, "a finite number on [0, 1]"),
        (DividesAtTheStart, "a finite number on [0, 1]"),
        (Counts, "a pure function of t"),
        (Largest, "a pure function of t"),
        (Noisy, "a pure function of t"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError) as error:
        assert_schedule_is_lawful(kind())
    assert f'"{law}"' in str(error.value)
