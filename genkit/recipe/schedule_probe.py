"""The schedules of a loss, and which of them are functions of the progress of the run: observed, not declared.

A loss may ask a schedule for the value at `batch.t`, or count from elsewhere, such as the beginning of a phase. Only
the loss knows. So the rehearsal gives it schedules that remember what they were asked, and a journal holds the values
of those that were asked for the progress of the run and for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

from genkit.core.types import Loss, Schedule
from genkit.recipe.part_fields import KIND_OF_HINT, parameters_of, without_none

LOOKED_AT = 101  # values of a schedule, spread over the run; where all are one, it is a constant


class RunProgress(float):
    """The progress of a run, told from any other number: arithmetic with it gives a plain float."""


@dataclass(frozen=True)
class RecordingSchedule:
    """A schedule that remembers what it was asked."""

    schedule: Schedule
    asked: list[float] = field(default_factory=list)

    def __call__(self, t: float, /) -> float:
        """Return the value of the schedule at `t`."""
        self.asked.append(t)
        return self.schedule(t)

    @property
    def follows_the_run(self) -> bool:
        """Whether it changes, and was asked for the progress of the run alone."""
        values = {self.schedule(number / (LOOKED_AT - 1)) for number in range(LOOKED_AT)}
        return len(values) > 1 and bool(self.asked) and all(isinstance(t, RunProgress) for t in self.asked)


def schedule_keys(loss: Loss) -> set[str]:
    """Return the keys of a loss that take a schedule, given or not."""
    if not is_dataclass(loss):
        return set()
    hints = {name: without_none(parameter.hint) for name, parameter in parameters_of(type(loss)).items()}
    return {name for name, hint in hints.items() if KIND_OF_HINT.get(hint) == "schedules"}


def recording_schedules(loss: Loss) -> tuple[Loss, Mapping[str, RecordingSchedule]]:
    """Return the same loss with schedules that remember, and these by key."""
    given = {name: getattr(loss, name) for name in sorted(schedule_keys(loss))}
    watched = {name: RecordingSchedule(schedule) for name, schedule in given.items() if schedule is not None}
    with_them: Any = replace(loss, **watched) if watched else loss  # type: ignore[type-var]  # a dataclass: it has keys
    return with_them, watched
