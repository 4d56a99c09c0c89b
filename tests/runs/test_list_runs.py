"""A list of runs says of each run what its files say, in the order that was asked for."""

import json
import os

import pytest
from support.messages import assert_names
from support.permissions import without_access
from support.run_folders import result, write_run

from genkit.errors import UsageError
from genkit.runs.listing import run_summary
from genkit.runs.listing.list_runs import list_runs
from genkit.runs.listing.run_summary import summary_of
from genkit.runs.listing.sort_key import SortKey
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState, state_of
from genkit.runs.training.evaluate_during_training import newest_evaluation
from genkit.storage.jsonl import NEAR_THE_END, StepLog

BEST = '[evaluate]\nevery = 50\nbest = "fid"\n[metrics.modes]\n[metrics.fid]\n'


@pytest.fixture
def runs(tmp_path):
    """Return a folder with a run in each state but running, of different ages, and what is no run."""
    both = [result("entropy", 1.0), result("modes", 7.0, "higher"), result("fid", 30.0, "lower")]
    write_run(tmp_path / "0001-a-s0", title="a", steps=[50, 100], results=both)
    write_run(tmp_path / "0002-b-s0", title="b", tables=BEST, steps=[50, 100], results=both)
    write_run(tmp_path / "0003-c-s0", title="c", tables=BEST, steps=[50, 100], results=[*both[:2], result("fid", 20.0)])
    stopped = write_run(tmp_path / "0004-d-s0", title="d", train="epochs = 3", steps=[20, 40], total=60, saved=[45])
    stopped.evaluations.append({"step": 20, "results": [result("modes", 3.0, "higher")]})
    stopped.evaluations.append({"step": 40, "results": [result("modes", 8.0, "higher")]})
    failed = write_run(tmp_path / "0005-e-s0", title="e", steps=[10])
    failed.failed.write_text(json.dumps({"step": 12, "reason": "the loss is nan\nmore"}))
    write_run(tmp_path / "0006-f-s0", title="f", train="epochs = 3")
    for age, path in enumerate(sorted(tmp_path.iterdir())):
        os.utime(path / "recipe.resolved.toml", (1e9 - 100 * (age % 4), 1e9 - 100 * (age % 4)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").touch()
    write_run(tmp_path / ".hidden")
    return tmp_path


def test_each_run_is_listed_with_its_state_its_step_and_its_main_metric(runs):
    listed = {run.title: run for run in list_runs(runs)}
    assert [run.name for run in listed.values()] == sorted(path.name for path in runs.glob("0*"))
    assert {title: (str(run.state), run.step, run.steps) for title, run in listed.items()} == {
        "a": ("finished", 100, 100),
        "b": ("finished", 100, 100),
        "c": ("finished", 100, 100),
        "d": ("stopped", 45, 60),  # the checkpoint is newer than the log; the log knows how many steps 3 epochs are
        "e": ("failed", 10, 100),
        "f": ("not started", 0, None),
    }
    metrics = {title: run.metric and (run.metric.label, run.metric.value) for title, run in listed.items()}
    assert metrics == {
        **{"a": ("modes", 7.0), "b": ("fid", 30.0), "c": ("fid", 20.0), "d": ("modes", 8.0)},
        "e": None,
        "f": None,
    }
    assert listed["e"].reason == "the loss is nan\nmore"
    for run in listed.values():  # what other modules say of the run
        folder = RunFolder(run.path)
        assert run.state == state_of(folder)
        if run.metric is not None and run.title != "d":
            assert newest_evaluation(folder).value(run.metric.label) == run.metric.value


@pytest.mark.parametrize(
    ("key", "titles", "reverse"),
    [
        ("name", "abcdef", "fedcba"),
        ("recipe", "abcdef", "fedcba"),
        ("step", "abcdef", "fedabc"),
        ("state", "abcedf", "fdeabc"),
        ("metric", "cbdaef", "efadbc"),  # fid, the lowest first; modes, the highest first; none
        ("age", "aebfcd", "dcbfae"),
    ],
)
def test_runs_are_sorted_and_equal_ones_by_name(runs, key, titles, reverse):
    assert "".join(run.title for run in list_runs(runs, SortKey(key))) == titles
    assert "".join(run.title for run in list_runs(runs, SortKey(key), reverse=True)) == reverse


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recipe.resolved.toml", None),
        ("recipe.resolved.toml", "steps = = 1"),
        ("metrics.jsonl", "{}\n"),
        ("metrics.jsonl", '{"step": 1}\n{"step": \n'),
        ("results.json", "[1]"),
        ("results.json", '[{"label": "modes", "value": "7", "better": "higher"}]'),
        ("results.json", f'[{{"label": "modes", "value": {10**400}, "better": "higher"}}]'),
        ("failed.json", "{"),
        ("stopped.json", "{}"),
    ],
)
def test_a_damaged_run_is_a_line_and_the_others_are_listed(runs, name, content):
    place = runs / "0001-a-s0" / name
    place.unlink(missing_ok=True)
    if content is not None:
        place.write_text(content)
    damaged, *others = list_runs(runs)
    assert damaged.state is RunState.DAMAGED and len(others) == 5
    assert_names(damaged.reason, str(place))
    assert all(run.state is not RunState.DAMAGED for run in others)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("recipe.resolved.toml", "evaluate = 3\n"),
        ("recipe.resolved.toml", "train = 3\n"),
        ("metrics.jsonl", '{"step": 99, "t": 5e-324}\n'),
        ("metrics.jsonl", '{"step": 99, "t": 1' + 400 * "0" + "}\n"),
    ],
    ids=["evaluate", "train", "tiny t", "huge t"],
)
def test_a_strange_value_is_passed_over(runs, name, text):
    (runs / "0006-f-s0" / name).write_text(text)
    listed = list_runs(runs)
    assert len(listed) == 6 and listed[-1].steps is None and listed[-1].state is not RunState.DAMAGED
    json.dumps([run.as_dict() for run in listed])


def test_a_run_that_nothing_was_prepared_for_is_a_line(runs, monkeypatch):
    def fail(folder):
        if folder.path.name.startswith("0003"):
            raise LookupError("strange")
        return state_of(folder)

    monkeypatch.setattr(run_summary, "state_of", fail)
    listed = list_runs(runs)
    assert [run.state is RunState.DAMAGED for run in listed] == [number == 2 for number in range(6)]
    assert_names(listed[2].reason, str(runs / "0003-c-s0"), "strange")


def test_a_date_that_no_calendar_has_is_no_date(runs, monkeypatch):
    class Calendar:
        @staticmethod
        def fromtimestamp(seconds, zone):
            raise OverflowError

    monkeypatch.setattr(run_summary, "datetime", Calendar)
    assert {run.started for run in list_runs(runs, SortKey.AGE)} == {None}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    "name", ["recipe.resolved.toml", "metrics.jsonl", "results.json", "final/about.json", "failed.json", "stopped.json"]
)
def test_a_named_pipe_in_place_of_a_file_is_not_waited_for(runs, name):
    place = runs / "0001-a-s0" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    damaged, *others = list_runs(runs)
    assert damaged.state is RunState.DAMAGED and len(others) == 5
    assert_names(damaged.reason, str(place), "a named pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_in_place_of_the_lock_locks_nothing(runs):
    os.mkfifo(runs / "0001-a-s0" / ".lock")
    assert [str(run.state) for run in list_runs(runs)][:2] == ["finished", "finished"]


def test_a_run_that_cannot_be_read_is_a_line(runs, monkeypatch):
    (runs / "0002-b-s0" / "checkpoints").mkdir()
    without_access(monkeypatch, runs / "0002-b-s0" / "checkpoints")
    states = [run.state for run in list_runs(runs)]
    assert states[1] is RunState.DAMAGED and states.count(RunState.DAMAGED) == 1


def test_a_run_lists_itself_and_other_places_are_refused(runs):
    (only,) = list_runs(runs / "0002-b-s0")
    assert only == summary_of(runs / "0002-b-s0")
    assert list_runs(runs / "notes") == []
    for place in (runs / "none", runs / "notes.txt"):
        with pytest.raises(UsageError) as refused:
            list_runs(place)
        assert_names(refused.value, str(place))


def test_the_last_line_is_that_of_the_whole_log(tmp_path):
    log = StepLog(tmp_path / "log.jsonl", "nothing")
    assert log.last() is None
    for step, length in enumerate((3, NEAR_THE_END // 2, NEAR_THE_END, 20 * NEAR_THE_END, 1)):
        log.append({"step": step, "text": "x" * length})
        assert log.last() == log.lines()[-1]
    with log.path.open("a") as file:
        file.write('{"step": 9')  # a process was killed while it wrote
    assert log.last() == log.lines()[-1] and log.last()["step"] == 4
    log.path.write_text('{"step": 9')
    assert log.last() is None


def test_the_log_is_the_same_when_read_at_any_length(tmp_path):
    for size in range(NEAR_THE_END - 40, NEAR_THE_END + 3):  # the last line begins around the first byte that is read
        log = StepLog(tmp_path / f"{size}.jsonl", "nothing")
        log.append({"step": 1})
        log.append({"step": 2, "text": "x" * (size - 25)})
        assert log.last() == log.lines()[-1]
