"""The trials that come next, as far as they do not depend on results."""

from __future__ import annotations

from dataclasses import replace

from genkit.tuning.planning import SearchPlan
from genkit.tuning.search import trials_of
from genkit.tuning.study import Study, TrialRecord

RANDOM_TRIALS = 10  # the default of Optuna's TPE sampler: its first trials are random


def next_trials(plan: SearchPlan, study: Study) -> tuple[list[TrialRecord], int]:
    """Return the next trials that are known, and the number of those that are not. They are added to `study`."""
    begun = len(study.records)
    last = trials_of(plan)
    known = max(min(last, RANDOM_TRIALS), begun) if plan.spec.sampler == "tpe" else last
    return [replace(study.ask(), state="planned") for _ in range(begun, known)], max(last - known, 0)
