"""Laws of the loop of a search, with runs that are computed in place of trained."""

import math
import statistics
from dataclasses import replace
from itertools import pairwise

import pytest
from support.commands import IMAGES
from support.messages import assert_names
from support.pictures import write_folder
from support.searches import SAMPLERS, ComputedRuns, Failing, facts_of, plan_in, search, smooth

from genkit.errors import Interrupted, RunError, UsageError
from genkit.tuning.journal import copied_study, open_study
from genkit.tuning.ranking import Ranking
from genkit.tuning.study import Study

PICTURES = (
    IMAGES.replace('use = "digits"', 'use = "image-folder"\nresolution = 8\nhold_out = 0.3')
    + "[metrics.reconstruction-error]\n"
)
WIDTH_OF_PICTURES = ('[keys."model.width"]\nlow = 8\nhigh = 24\nstep = 8', '[keys."model.hidden"]\nlow = 8\nhigh = 16')
ORDER = [(1.0, 24), (1.0, 16), (0.01, 8), (10.0, 16)]
WITH_PRUNER = {name: [("seeds", f'pruner = "{name}"\nseeds')] for name in ("median", "hyperband")}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_trial_is_the_mean_over_the_seeds_of_runs_with_its_values(tmp_path, sampler):
    plan, runs = plan_in(tmp_path, *SAMPLERS[sampler]), ComputedRuns()
    records = search(plan, runs)
    for record in records:
        beta, width = record.params["loss.beta_kl"], record.params["model.width"]
        assert 0.01 <= beta <= 10
        assert width in (8, 16, 24)
        values = {str(seed): smooth(beta, width, seed, 1.0) for seed in (3, 4)}
        assert record.facts["values"] == values
        assert record.value == pytest.approx(statistics.fmean(values.values()))
    assert len(set(runs.trained)) == len(runs.trained) == 2 * len({tuple(each.params.values()) for each in records})


def test_a_grid_trains_each_point_once(tmp_path):
    records = search(plan_in(tmp_path, *SAMPLERS["grid"]), ComputedRuns())
    points = {(round(math.log10(each.params["loss.beta_kl"])), each.params["model.width"]) for each in records}
    assert points == {(power, width) for power in (-2, -1, 0, 1) for width in (8, 16, 24)}
    assert len(records) == 12


@pytest.mark.parametrize(
    ("low", "high", "factor"), [("0.01", "10.0", 10), ("4.0", "1024.0", 2), ("1e-5", "0.3", 30000**0.2)]
)
def test_a_grid_of_factors_has_both_ends_to_the_bit(tmp_path, low, high, factor):
    changes = [
        ("low = 0.01", f"low = {low}"),
        ("high = 10.0\nlog = true", f"high = {high}\nlog = true\nstep = {factor}"),
    ]
    [beta, _] = plan_in(tmp_path, *SAMPLERS["grid"][:2], *changes).axes
    grid = beta.grid()
    assert (grid[0], grid[-1]) == (float(low), float(high))
    assert [after / before for before, after in pairwise(grid)] == pytest.approx([factor] * (len(grid) - 1))


def test_a_grid_goes_on_with_the_points_that_are_left_whatever_the_order_of_those_before(tmp_path):
    """An earlier version, of genkit or Optuna, may have taken them in another order."""
    plan, other = plan_in(tmp_path, *SAMPLERS["grid"]), ("seeds", "sampler_seed = 7\nseeds")
    study = Study(plan)
    trials = []

    class Log:
        def started(self, trial):
            pass

        def ended(self, trial):
            trials.append(trial)

    expected = search(plan, ComputedRuns(), study)
    other_order = Study(plan_in(tmp_path, *SAMPLERS["grid"], other), log=Log())
    for number in range(5):
        assert other_order.ask().number == number
        other_order.tell(number, 1.0, "complete", {})
    assert [each.params for each in other_order.records] != [each.params for each in expected[:5]]
    records = search(plan, ComputedRuns(), Study(plan, trials))
    points = [tuple(each.params.values()) for each in records]
    assert len(set(points)) == len(points) == 12
    assert set(points) == {tuple(each.params.values()) for each in expected}


def test_the_order_of_a_grid_is_that_of_this_version(tmp_path):
    """It must not change: a search may go on with another version of Optuna, or another machine."""
    records = search(plan_in(tmp_path, *SAMPLERS["grid"]), ComputedRuns())
    assert [(each.params["loss.beta_kl"], each.params["model.width"]) for each in records[:4]] == ORDER


def test_data_that_were_moved_continue_their_search_and_other_data_do_not(tmp_path):
    places = [tmp_path / name for name in ("before", "after")]
    for place in places:
        write_folder(place / "pictures", 12)
    changes = [('"modes"', '"reconstruction-error"'), ("trials = 14", "trials = 2"), WIDTH_OF_PICTURES]
    kept, moved = ([f"data.path={place / 'pictures'}"] for place in places)
    journal = tmp_path / "trials.journal"
    first = open_study(plan_in(tmp_path, *changes, recipe=PICTURES, overrides=kept), journal).ask()
    later = open_study(plan_in(tmp_path, *changes, recipe=PICTURES, overrides=moved), journal)
    assert later.records[0].params == first.params
    with pytest.raises(UsageError, match="data.resolution 8 -> 4"):
        open_study(plan_in(tmp_path, *changes, recipe=PICTURES, overrides=[*moved, "data.resolution=4"]), journal)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_run_of_other_data_is_refused(tmp_path, split):
    class OtherData(ComputedRuns):
        def measured(self, experiment):
            if (result := super().measured(experiment)) is None:
                return None
            digests = {"train": "a", "test": "a"}
            if len(self.finished) > 2:
                digests[split] = "b"
            train, test = ({"samples": 9, "pixel_digest": digest} for digest in digests.values())
            return replace(result, made_with={"data": {**train, "held_out": test}})

        def _result(self, experiment, step):
            result = super()._result(experiment, step)
            return replace(result, protocol=replace(result.protocol, split="test"))

    with pytest.raises(UsageError, match=f"the {split} split differs"):
        search(plan_in(tmp_path), OtherData())


def test_tpe_learns_from_earlier_trials(tmp_path):
    changes = [("trials = 14", "trials = 40")]
    records = search(plan_in(tmp_path, *changes), ComputedRuns())
    distance = [abs(math.log10(each.params["loss.beta_kl"])) for each in records]
    assert statistics.fmean(distance[25:]) < 0.7 * statistics.fmean(distance[:10])


@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_search_that_was_killed_at_any_moment_ends_as_one_that_was_not(tmp_path, sampler, pruner):
    plan = plan_in(tmp_path, *SAMPLERS[sampler], *WITH_PRUNER.get(pruner, []))
    expected = facts_of(search(plan, ComputedRuns()))
    runs, study, kills = ComputedRuns(), None, 0
    while study is None or kills < 200:
        runs.kill_after, study = 7, open_study(plan, tmp_path / "trials.journal")
        try:
            search(plan, runs, study)
            break
        except Interrupted:
            kills += 1
    assert kills >= 4
    assert facts_of(study.records) == expected


@pytest.mark.parametrize("pruner", ["none", "hyperband"])
def test_a_journal_that_ends_anywhere_leads_to_the_same_trials(tmp_path, pruner):
    """A kill while the journal is written leaves any of its beginnings; the runs are there already."""
    changes = [("trials = 14", "trials = 12"), *WITH_PRUNER.get(pruner, [])]
    plan, runs, journal = plan_in(tmp_path, *changes), ComputedRuns(), tmp_path / "whole.journal"
    expected = facts_of(search(plan, runs, open_study(plan, journal)))
    whole = journal.read_bytes()
    lines = whole.count(b"\n")
    assert lines > 40
    ends = [whole.find(b"\n", len(whole) * part // 11) + 1 - part % 2 * 9 for part in range(11)]  # half are half lines
    for number, end in enumerate(ends):
        cut = tmp_path / f"{number}.journal"
        cut.write_bytes(whole[:end])
        assert facts_of(search(plan, runs, open_study(plan, cut))) == expected


def test_more_trials_continue_a_search(tmp_path):
    short, journal = plan_in(tmp_path, ("trials = 14", "trials = 5")), tmp_path / "trials.journal"
    begun = facts_of(search(short, ComputedRuns(), open_study(short, journal)))
    longer = plan_in(tmp_path)
    continued = facts_of(search(longer, ComputedRuns(), open_study(longer, journal)))
    assert continued[:5] == begun
    assert continued == facts_of(search(longer, ComputedRuns()))


def test_several_jobs_train_several_trials_and_no_run_twice(tmp_path):
    runs = ComputedRuns(jobs=3)
    records = search(plan_in(tmp_path, ("low = 0.01\nhigh = 10.0\nlog = true", "values = [0.1, 1.0]")), runs)
    assert max(runs.at_work) == 3
    assert len(records) == 14
    assert all(each.state == "complete" for each in records)
    assert len(set(runs.trained)) == len(runs.trained) <= 12  # six settings of two seeds: equal trials share their runs


def test_a_finished_run_is_taken_over(tmp_path):
    plan, runs = plan_in(tmp_path), ComputedRuns()
    first = facts_of(search(plan, runs))
    trained = list(runs.trained)
    assert facts_of(search(plan, runs)) == first
    assert runs.trained == trained


def test_a_pruned_trial_stops_at_the_step_where_it_is_worse_and_trains_no_other_seed(tmp_path):
    plan, runs = plan_in(tmp_path, *WITH_PRUNER["median"]), ComputedRuns()
    records = search(plan, runs)
    pruned = [each for each in records if each.state == "pruned"]
    assert 0 < len(pruned) < len(records) - 5  # the first five trials of the median have none to be compared with
    for record in pruned:
        first, second = record.facts["runs"]
        step = runs.logged[first][-1]
        assert step < 20
        assert second not in runs.logged
        assert record.value == pytest.approx(smooth(*record.params.values(), 3, step / 20))
        finished = [each for each in records[: record.number] if each.state == "complete"]
        reached = [smooth(*each.params.values(), 3, step / 20) for each in finished]
        assert record.value < statistics.median(reached)


def test_pruning_does_not_depend_on_how_far_a_run_has_got(tmp_path):
    plan = plan_in(tmp_path, *WITH_PRUNER["median"])
    expected, ahead = facts_of(search(plan, ComputedRuns())), ComputedRuns()
    search(plan_in(tmp_path), ahead)  # all runs are finished, those that the pruner would have stopped too
    assert facts_of(search(plan_in(tmp_path, *WITH_PRUNER["median"]), ahead)) == expected


def test_a_diverged_trial_is_the_worst_and_says_why(tmp_path):
    plan = plan_in(tmp_path)
    runs = ComputedRuns(lambda beta, *others: math.nan if beta > 1 else smooth(beta, *others))
    records = search(plan, runs)
    diverged = [each for each in records if each.params["loss.beta_kl"] > 1]
    assert diverged
    for record in diverged:
        assert record.value == -math.inf
        assert "seed 3: not finite" in record.reason
        assert record.facts["runs"][1] not in runs.logged  # its other seed is not trained
    assert not set(each.number for each in diverged) & {each.number for each in Ranking.of(records, "higher").ranked}


def test_a_trial_without_a_value_has_failed_with_the_reason(tmp_path):
    runs = ComputedRuns(lambda beta, *others: None if beta > 1 else smooth(beta, *others))
    failed = [each for each in search(plan_in(tmp_path), runs) if each.params["loss.beta_kl"] > 1]
    assert failed
    assert all(each.state == "failed" and "no sample" in each.reason and each.value is None for each in failed)


def test_values_that_do_not_go_together_fail_their_trial_only(tmp_path):
    """The dry run refuses a batch that micro-batches do not divide, which no key has alone."""
    space = ('[keys."model.width"]\nlow = 8\nhigh = 24\nstep = 8', '[keys."train.batch_size"]\nvalues = [16, 18, 20]\n')
    both = (space[0], space[1] + '[keys."train.accumulate"]\nvalues = [1, 2, 8]')
    plan = plan_in(tmp_path, both)
    records = search(plan, ComputedRuns(lambda beta, width, seed, share: beta))
    wrong = [each for each in records if each.params["train.batch_size"] % each.params["train.accumulate"]]
    assert wrong
    assert [each for each in records if each.state == "failed"] == wrong
    assert all("accumulate" in each.reason for each in wrong)


@pytest.mark.parametrize(
    ("code", "message"),
    [(1, "CUDA error"), (2, "out of memory: 9 TB"), (-9, "killed")],
    ids=["error", "memory", "killed"],
)
def test_a_training_that_fails_is_the_end_of_its_trial_only(tmp_path, code, message):
    plan, journal = plan_in(tmp_path, *SAMPLERS["grid"]), tmp_path / "trials.journal"
    runs = Failing(code, message, above=10.0)
    records = search(plan, runs, open_study(plan, journal))
    failed = [each for each in records if each.params["loss.beta_kl"] == 10.0]
    assert len(failed) == 3
    assert [each for each in records if each.state == "failed"] == failed
    assert all(f"seed 3: {message}" in each.reason for each in failed)
    assert len(runs.trained) == 2 * (len(records) - 3)
    assert facts_of(open_study(plan, journal).records) == facts_of(records)


def test_a_trial_that_this_machine_cannot_train_has_failed_with_the_reason(tmp_path):
    """A step with 4e9 samples takes more memory than there is."""
    keys = (
        '[keys."model.width"]\nlow = 8\nhigh = 24\nstep = 8',
        '[keys."train.batch_size"]\nvalues = [16, 4_000_000_000]',
    )
    plan = plan_in(tmp_path, *SAMPLERS["grid"], keys)
    records = search(plan, ComputedRuns())
    huge = [each for each in records if each.params["train.batch_size"] > 16]
    assert len(huge) == 4
    assert [each for each in records if each.state == "failed"] == huge
    assert all("memory" in each.reason for each in huge)


def test_failures_in_a_row_stop_the_search_and_the_next_command_goes_on_with_other_trials(tmp_path):
    plan, journal = plan_in(tmp_path), tmp_path / "trials.journal"
    with pytest.raises(RunError, match="trial 2.*no space left") as caught:
        search(plan, Failing(1, "no space left", above=0), open_study(plan, journal))
    assert_names(caught.value, "--retry-failed")
    assert [each.state for each in open_study(plan, journal).records] == ["failed"] * 3
    records = search(plan, ComputedRuns(), open_study(plan, journal))
    assert [each.state for each in records] == ["failed"] * 3 + ["complete"] * 11


@pytest.mark.parametrize("code", [2, 130], ids=["refused", "stopped"])
def test_a_run_that_cannot_begin_or_was_stopped_ends_the_search_and_its_trial_is_repeated(tmp_path, code):
    plan, journal = plan_in(tmp_path), tmp_path / "trials.journal"
    with pytest.raises(RunError, match="trial 0.*in use"):
        search(plan, Failing(code, "in use", above=0), open_study(plan, journal))
    assert [each.state for each in open_study(plan, journal).records] == ["running"]
    assert facts_of(search(plan, ComputedRuns(), open_study(plan, journal))) == facts_of(search(plan, ComputedRuns()))


def test_a_journal_of_another_search_and_a_damaged_one_are_refused(tmp_path):
    plan, journal = plan_in(tmp_path, ("trials = 14", "trials = 1")), tmp_path / "trials.journal"
    search(plan, ComputedRuns(), open_study(plan, journal))
    before = journal.read_bytes()
    for changes, recipe, key in (
        ([("high = 10.0", "high = 20.0")], {}, "high 10.0 -> 20.0"),
        ([("seeds = [3, 4]", "seeds = [3]")], {}, "seeds [3, 4] -> [3]"),
        ([], {"overrides": ["train.batch_size=32"]}, "train.batch_size 16 -> 32"),
    ):
        with pytest.raises(UsageError, match="--out") as caught:
            open_study(plan_in(tmp_path, *changes, **recipe), journal)
        assert key in str(caught.value)
    assert journal.read_bytes() == before
    journal.write_bytes(b"<<<<<<<\n" + before)
    with pytest.raises(UsageError, match="trials.journal: damaged"):
        open_study(plan, journal)


def test_a_copy_in_memory_writes_nothing_and_foresees_the_same_trials(tmp_path):
    plan, journal = plan_in(tmp_path), tmp_path / "trials.journal"
    assert copied_study(plan, journal).records == []
    assert not journal.exists()
    runs = ComputedRuns(kill_after=30)
    with pytest.raises(Interrupted):
        search(plan, runs, open_study(plan, journal))
    before = journal.read_bytes()
    copy = copied_study(plan, journal)
    foreseen = [copy.ask().params for _ in range(2)]
    assert journal.read_bytes() == before
    runs.kill_after = math.inf
    number = len(copy.records) - 2
    records = search(plan, runs, open_study(plan, journal))
    assert [each.params for each in records[number : number + 2]] == foreseen


def test_another_seed_of_the_sampler_tries_other_values(tmp_path):
    params = [
        [Study(plan).ask().params for _ in range(1)]
        for plan in (plan_in(tmp_path), plan_in(tmp_path, ("seeds", "sampler_seed = 1\nseeds")))
    ]
    assert params[0] != params[1]
