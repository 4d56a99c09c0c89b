"""What a list of runs can be sorted by. In a module of its own, which the command line imports for its help."""

from __future__ import annotations

from enum import StrEnum


class SortKey(StrEnum):
    """What runs are sorted by: see `genkit.runs.listing.list_runs`."""

    NAME = "name"
    RECIPE = "recipe"
    STEP = "step"
    STATE = "state"
    METRIC = "metric"
    AGE = "age"
