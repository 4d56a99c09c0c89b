"""Time and memory that a run has taken."""

import json

import pytest
from support.commands import genkit
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.console.quantities import duration
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Train
from genkit.runs.on_disk.timing import Timing, read_timing, up_to
from genkit.runs.report.report_time import time_shares

RECIPE = tiny_recipe(train=Train(steps=6, batch_size=8), checkpoint=Checkpoint(every=2))


@pytest.fixture
def clock(monkeypatch):
    """Let each look at the clock take ten seconds."""
    seconds = iter(range(0, 10**6, 10))
    monkeypatch.setattr("genkit.runs.on_disk.timing.time.monotonic", lambda: next(seconds))


@pytest.mark.trains
def test_a_resume_adds_its_seconds_to_those_of_the_steps_that_it_continues(tmp_path, clock):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, 5)
    killed = read_timing(folder)
    assert (killed.steps, killed.seconds) == (4, 20)
    assert 10**7 < killed.peak_memory < 10**11
    train_on(folder)
    finished = read_timing(folder)
    assert (finished.steps, finished.seconds) == (6, 30)
    assert finished.peak_memory >= killed.peak_memory


@pytest.mark.trains
def test_steps_that_a_resume_trains_again_count_once(tmp_path, clock):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, 5)
    folder.timing.write_text(json.dumps({"steps": 8, "seconds": 80, "peak_memory": None}))
    train_on(folder)
    assert (read_timing(folder).steps, read_timing(folder).seconds) == (6, 4 * 10 + 10)


@pytest.mark.trains
def test_a_run_and_a_comparison_tell_the_timing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = []
    for seconds in (8, 90):
        folder = new_run(tmp_path, RECIPE)
        train_on(folder)
        folder.timing.write_text(json.dumps({"steps": 6, "seconds": seconds, "peak_memory": 3 * 10**8}))
        runs.append(folder.path)
    result = genkit("compare", *runs)
    assert "8 s, 0.75 steps/s, at most 300 MB of memory" in result.out and "1 min 30 s" in result.out
    facts = json.loads(genkit("compare", *runs, "--json").out)["runs"]
    assert [run["timing"]["seconds"] for run in facts] == [8, 90]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"steps": 1, "seconds": "x", "peak_memory": 1}', "[" * 10**5])
def test_a_damaged_file_is_no_timing(tmp_path, content):
    folder = new_run(tmp_path, RECIPE)
    assert read_timing(folder) is None
    folder.timing.write_text(content)
    assert read_timing(folder) is None


def test_durations_and_timings_in_words():
    expected = {0.12: "0.12 s", 59: "59 s", 200: "3 min 20 s", 7500: "2 h 5 min", 350000: "4 d 1 h"}
    assert {seconds: duration(seconds) for seconds in expected} == expected
    assert str(Timing(0, 0.0, None)) == "0 s"
    assert str(Timing(6, 8.0, None, 2.0)) == "8 s, 0.75 steps/s, 25 % waiting for data"
    assert str(Timing(6, 8.0, None, 0.0)) == "8 s, 0.75 steps/s, no waiting for data"


def turns_within(steps: int) -> dict[str, int]:
    """Return how often each phase and action is due in the first steps, of those that are."""
    turns = make_plan(RECIPE, registry=registry_with()).turns
    due = {turn.name: sum(turn.due(step) for step in range(steps)) for turn in turns}
    return {name: number for name, number in due.items() if number}


@pytest.mark.trains
def test_the_seconds_that_steps_wait_for_data_are_added(tmp_path, clock, monkeypatch):
    seconds = iter(range(10**6))
    monkeypatch.setattr("genkit.engine.pipeline.time.perf_counter", lambda: next(seconds))  # a second in each step
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, 5)
    killed = read_timing(folder)
    assert killed.waited == 4 and killed.turns == turns_within(4)  # and a second in each phase
    train_on(folder)
    finished = read_timing(folder)
    assert finished.waited == 6 and finished.turns == turns_within(6) != killed.turns


@pytest.mark.trains
def test_a_run_with_a_file_of_an_older_version_does_not_know_how_long_it_waited(tmp_path):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, 5)
    folder.timing.write_text('{"steps": 4, "seconds": 8.0, "peak_memory": null}')
    train_on(folder)
    assert read_timing(folder).waited is None and "waiting" not in str(read_timing(folder))
    assert read_timing(folder).turns is None


@pytest.mark.parametrize("turns", [[1], 3, {"encoder": "x"}, {"encoder": -1}, {"encoder": None}])
def test_strange_times_of_phases_are_no_timing(tmp_path, turns):
    folder = new_run(tmp_path, RECIPE)
    folder.timing.write_text(json.dumps({"steps": 1, "seconds": 1, "peak_memory": None, "turns": turns}))
    assert read_timing(folder) is None


@pytest.mark.parametrize("turns", [None, {}, {"encoder": 2.0, "decoder": 3.0}, {"encoder": 6.0, "decoder": 12.0}])
def test_the_times_of_a_report_are_those_that_have_passed(turns):
    timing = Timing(6, 10.0, None, 1.0, 0.5, 0.5, 1.0, turns, 2.0)
    shares = {share.name: share.share for share in time_shares(timing)}
    assert sum(shares.values()) == pytest.approx(1.0) and shares["evaluations"] == pytest.approx(1 / 12)
    of_steps = {name: 12 * share for name, share in shares.items() if "steps" in name}
    assert sum(of_steps.values()) == pytest.approx(7.0)  # what is not known apart
    if turns:
        scale = min(1.0, 7 / sum(turns.values()))  # a device may compute phases while the host waits
        expected = {f"steps: {name}": scale * seconds for name, seconds in turns.items()}
        assert {name: of_steps[name] for name in expected} == pytest.approx(expected)


def test_the_times_of_phases_are_not_known_once_steps_are_lost(tmp_path):
    folder = new_run(tmp_path, RECIPE)
    facts = {"steps": 8, "seconds": 80, "peak_memory": None, "turns": {"warm-up": 30.0, "encoder": 40.0}}
    folder.timing.write_text(json.dumps(facts))
    whole = read_timing(folder)
    assert up_to(8, whole).turns == up_to(9, whole).turns == whole.turns
    shortened = up_to(2, whole)  # "encoder" may have begun later
    assert shortened.turns is None and shortened.seconds == 20
    assert not any(name in share.name for share in time_shares(shortened) for name in facts["turns"])
    assert up_to(0, whole).turns == {}
