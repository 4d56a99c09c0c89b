"""Probe of the schedules of a loss: which of them depend on the progress of the run and on nothing else.

The values of such schedules are written to the log at every logged step. A loss may call a schedule with `batch.t`, the
progress of the run, or with another number, such as the progress of a phase; only the code of the loss decides. So the
dry run gives the loss schedules that record the arguments of their calls, and a batch whose `t` has a type of its own,
`RunProgress`. A schedule is logged if it changes over the run and every recorded argument is a `RunProgress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

from genkit.core.loss import Loss
from genkit.core.types import Schedule
from genkit.recipe.binding.part_fields import kind_of, parameters_of

PROBES = 101  # values of a schedule, spread evenly over the run; if all are equal, the schedule is a constant


def values_over_the_run(schedule: Schedule) -> list[float]:
    """Return the values of a schedule, spread evenly from the first step to the last."""
    return [schedule(number / (PROBES - 1)) for number in range(PROBES)]


class RunProgress(float):
    """The progress of the run, in [0, 1]. Arithmetic with it gives a plain `float`."""


@dataclass(frozen=True)
class RecordingSchedule:
    """A schedule that records the arguments of its calls."""

    schedule: Schedule
    arguments: list[float] = field(default_factory=list)

    def __call__(self, t: float, /) -> float:
        """Return the value of the schedule at `t`."""
        self.arguments.append(t)
        return self.schedule(t)

    @property
    def follows_the_run(self) -> bool:
        """Whether the schedule changes over the run, and was called with the progress of the run only."""
        return (
            len(set(values_over_the_run(self.schedule))) > 1
            and bool(self.arguments)
            and all(isinstance(t, RunProgress) for t in self.arguments)
        )


def schedule_keys(loss: Loss) -> set[str]:
    """Return the keys of a loss that take a schedule, whether the recipe sets them or not."""
    if not is_dataclass(loss):
        return set()
    parameters = parameters_of(type(loss)).items()
    return {name for name, parameter in parameters if kind_of(parameter.hint) == "schedules"}


def recording_schedules(loss: Loss) -> tuple[Loss, Mapping[str, RecordingSchedule]]:
    """Return a copy of the loss with schedules that record their calls, and these schedules by key."""
    given = {name: getattr(loss, name) for name in sorted(schedule_keys(loss))}
    recording = {name: RecordingSchedule(schedule) for name, schedule in given.items() if schedule is not None}
    copy: Any = replace(loss, **recording) if recording else loss  # type: ignore[type-var]  # a dataclass: it has keys
    return copy, recording
