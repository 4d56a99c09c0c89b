"""The best trials, and which are as good within the spread over the seeds."""

import math

import pytest

from genkit.tuning.ranking import Ranking, number_text
from genkit.tuning.study import TrialRecord


def trial(number, *values, state="complete", value=None):
    mean = sum(values) / len(values) if values else value
    return TrialRecord(number, {}, state, mean, {"values": dict(enumerate(values))})


def numbers(records):
    return [each.number for each in records]


@pytest.mark.parametrize(("better", "expected"), [("lower", [2, 0, 1]), ("higher", [1, 0, 2])])
def test_trials_are_ranked_in_the_direction_of_the_metric(better, expected):
    ranking = Ranking.of([trial(0, 2.0), trial(1, 3.0), trial(2, 1.0)], better)
    assert numbers(ranking.ranked) == expected


def test_trials_without_a_finite_number_are_not_compared():
    worst = trial(0, value=math.inf)
    assert numbers(Ranking.of([worst, trial(1, state="pruned", value=0.1), trial(2, 5.0)], "lower").ranked) == [2]
    assert Ranking.of([worst, trial(1, state="failed")], "lower").best is None


def test_the_earlier_of_equals_is_the_best():
    assert numbers(Ranking.of([trial(0, 3.0), trial(1, 2.0), trial(2, 2.0)], "lower").ranked) == [1, 2, 0]


def test_ties_are_within_one_standard_deviation():
    """The best has the deviation sqrt(2), the others 0; the root of the mean of both variances is 1."""
    best = trial(0, 9.0, 11.0)
    ranking = Ranking.of([best, trial(1, 10.9, 10.9), trial(2, 11.1, 11.1)], "lower")
    assert numbers(ranking.ties) == [1]
    ranking = Ranking.of([best, trial(1, 9.1, 9.1), trial(2, 8.9, 8.9)], "higher")
    assert numbers(ranking.ties) == [1]


def test_one_seed_has_no_ties_but_equals():
    assert numbers(Ranking.of([trial(0, 1.0), trial(1, 1.0), trial(2, 1.000001)], "lower").ties) == [1]


def test_a_number_says_its_spread_or_why_there_is_none():
    assert number_text(trial(0, 9.0, 11.0)) == "10.0 ± 1.4"
    assert number_text(trial(0, 0.25)) == "0.250"
    assert number_text(trial(0, value=-math.inf)) == "diverged"
    assert number_text(trial(0, state="pruned", value=0.5)) == "stopped early at 0.500"
    assert number_text(trial(0, state="failed")) == "failed"
    assert number_text(trial(0, state="running")) == "not finished"
