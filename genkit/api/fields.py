"""Types of the fields of parts: numbers with bounds, descriptions, and schedules."""

from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.field_types import (
    Doc,
    NonNegativeFloat,
    NonNegativeInt,
    NonNegativeSchedule,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
    UnitSchedule,
)
from genkit.core.types import DependentDefaults, Schedule

__all__ = [
    "ConstantSchedule",
    "DependentDefaults",
    "Doc",
    "NonNegativeFloat",
    "NonNegativeInt",
    "NonNegativeSchedule",
    "PositiveFloat",
    "PositiveInt",
    "Schedule",
    "UnitInterval",
    "UnitSchedule",
]
