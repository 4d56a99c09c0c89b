"""The time of each phase and action: on the host by its clock, on a device by events that no step waits for."""

import time

import pytest
import torch
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.engine import turn_times
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.engine.turn_times import HostTurnTimes, StreamTurnTimes, turn_times_on
from genkit.recipe.plan import make_plan


class Device:
    """A device with one stream: work is asked for at once, and is done when somebody lets time pass."""

    def __init__(self) -> None:
        self.asked, self.now, self.events, self.waits = 0, 0, 0, 0  # milliseconds; counts

    def event(self) -> "Event":
        self.events += 1
        return Event(self)


class Event:
    """An event as those of torch: it has a time once the device has come to it."""

    def __init__(self, device: Device):
        self.device, self.at = device, 0

    def record(self, stream: object) -> None:
        assert stream == "stream"
        self.at = self.device.asked

    def query(self) -> bool:
        return self.at <= self.device.now

    def synchronize(self) -> None:
        self.device.waits += 1
        self.device.now = max(self.device.now, self.at)

    def elapsed_time(self, end: "Event") -> int:
        assert self.query() and end.query()
        return end.at - self.at


@pytest.fixture
def device() -> Device:
    return Device()


def take(times: StreamTurnTimes, device: Device, name: str, work: int) -> None:
    with times.of(name):
        device.asked += work


def test_a_device_is_waited_for_when_times_are_read_and_never_before(device):
    times = StreamTurnTimes(device.event, lambda: "stream")
    for _ in range(10):
        take(times, device, "encoder", 300)
        device.asked += 50  # between two phases
        take(times, device, "decoder", 100)
    assert device.waits == 0 and device.now == 0
    assert times.seconds() == pytest.approx({"encoder": 3.0, "decoder": 1.0})
    assert device.waits == 1
    assert times.seconds() == pytest.approx({"encoder": 3.0, "decoder": 1.0}) and device.waits == 1
    take(times, device, "encoder", 500)
    assert times.seconds() == pytest.approx({"encoder": 3.5, "decoder": 1.0})


def test_a_run_of_any_length_keeps_few_events_and_waits_for_none(device, monkeypatch):
    monkeypatch.setattr(turn_times, "MOST_PENDING", 8)
    times = StreamTurnTimes(device.event, lambda: "stream")
    for _ in range(500):
        take(times, device, "phase", 2)
        device.now = device.asked - 3  # the device is a little behind
    assert device.waits == 0 and device.events <= 2 * (8 + 2)
    assert times.seconds() == pytest.approx({"phase": 1.0})


@pytest.mark.parametrize(
    "make", [HostTurnTimes, lambda: StreamTurnTimes(Device().event, lambda: "stream")], ids=["host", "stream"]
)
def test_a_turn_that_fails_is_not_counted(make):
    times = make()
    with pytest.raises(ValueError, match="no"), times.of("phase"):
        raise ValueError("no")
    assert times.seconds() == {}


def test_the_host_adds_the_time_of_each_block(monkeypatch):
    clock = iter([1.0, 3.0, 10.0, 14.0, 20.0, 21.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    times = HostTurnTimes()
    for name in ("encoder", "decoder", "encoder"):
        with times.of(name):
            pass
    assert times.seconds() == {"encoder": 3.0, "decoder": 4.0}


def test_an_accelerator_without_events_has_no_times():
    times = turn_times_on(torch.device("mps"))
    with times.of("phase"):
        pass
    assert times.seconds() is None


@pytest.mark.trains
def test_the_loop_times_the_turns_that_were_due(monkeypatch):
    seconds = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))  # a second in each turn
    plan = make_plan(tiny_recipe(), registry=registry_with())
    records = list(train_steps(plan, initial_state(plan, World()), World()))
    due = {turn.name: sum(turn.due(step) for step in range(plan.steps)) for turn in plan.turns}
    assert records[-1].turns.seconds() == {name: number for name, number in due.items() if number}
    assert records[0].turns is records[-1].turns
