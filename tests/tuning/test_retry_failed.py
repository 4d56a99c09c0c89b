"""Trials that have failed and are tried again: `genkit tune --retry-failed`."""

import math

import pytest
from support.searches import SAMPLERS, ComputedRuns, Failing, facts_of, plan_in, search, smooth

from genkit.errors import Interrupted, RunError
from genkit.tuning.journal import copied_study, open_study


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_that_are_tried_again_give_the_search_that_never_failed(tmp_path, sampler):
    plan, journal = plan_in(tmp_path, *SAMPLERS[sampler]), tmp_path / "trials.journal"
    with pytest.raises(RunError):
        search(plan, Failing(1, "no space left", above=0), open_study(plan, journal))
    kept = journal.read_bytes()
    assert [each.state for each in copied_study(plan, journal, retry_failed=True).records] == ["running"] * 3
    assert journal.read_bytes() == kept
    with pytest.raises(Interrupted):  # in the first seed; the next command goes on, without the option too
        search(plan, ComputedRuns(kill_after=2), open_study(plan, journal, retry_failed=True))
    runs = ComputedRuns()
    records = search(plan, runs, open_study(plan, journal))
    assert facts_of(records) == facts_of(search(plan, ComputedRuns()))
    assert facts_of(open_study(plan, journal).records) == facts_of(records)


def test_only_failed_trials_are_tried_again_and_keep_their_values(tmp_path):
    plan, journal = plan_in(tmp_path, *SAMPLERS["grid"]), tmp_path / "trials.journal"

    before = search(plan, Failing(1, "CUDA error", above=10.0), open_study(plan, journal))
    states = {each.number: each.state for each in before}
    runs = ComputedRuns()
    after = search(plan, runs, open_study(plan, journal, retry_failed=True))
    again = [each for each in after if states[each.number] == "failed"]
    assert [each.params for each in after] == [each.params for each in before]
    assert len(again) == 3 and all(each.state == "complete" for each in again)
    others = [each for each in after if each not in again]
    assert facts_of(others) == facts_of([each for each in before if states[each.number] != "failed"])
    assert len(runs.trained) == 2 * 3


def test_trials_that_diverged_are_not_tried_again(tmp_path):
    plan, journal = plan_in(tmp_path, *SAMPLERS["grid"]), tmp_path / "trials.journal"
    runs = ComputedRuns(lambda beta, width, seed, share: math.nan if width == 24 else smooth(beta, width, seed, share))
    records = search(plan, runs, open_study(plan, journal))
    assert [each for each in records if each.value == -math.inf]
    kept = journal.read_bytes()
    assert facts_of(search(plan, ComputedRuns(), open_study(plan, journal, retry_failed=True))) == facts_of(records)
    assert journal.read_bytes() == kept
