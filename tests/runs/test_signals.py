"""Signals that ask a command to stop."""

import importlib
import os
import signal
import sys
import threading
import time

import pytest

from genkit.errors import Interrupted, UsageError
from genkit.runs.repeated_signal import RepeatedSignal
from genkit.runs.signals import interruptible, stop_requested

POLITE = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU]


@pytest.fixture(autouse=True, params=POLITE)
def number(request):
    """Let the signal reach the test, also where it is ignored."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


def test_a_request_is_noted(number):
    with stop_requested() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()


def test_a_request_that_nobody_asked_about_ends_the_block(number):
    with pytest.raises(KeyboardInterrupt), stop_requested() as stop:
        assert not stop()
        signal.raise_signal(number)


def test_a_request_interrupts_what_saves_nothing(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)


def send_late_request():
    """Send what a launcher sends to processes that have stopped already; a failure would end pytest itself."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        pytest.fail("taken for a second request")


def test_a_request_of_the_launcher_after_the_run_has_stopped_is_no_second_one(number):
    with interruptible():
        with pytest.raises(Interrupted), stop_requested() as stop:
            signal.raise_signal(number)
            assert stop()
            raise Interrupted
        send_late_request()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_request_to_another_process_is_one_to_this_one(number):
    with interruptible():
        with pytest.raises(Interrupted), stop_requested():
            raise Interrupted
        send_late_request()


def swallow(number=signal.SIGINT):
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        return


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr("genkit.runs.signals.SECONDS_UNTIL_AGAIN", 0.02)


def test_an_interrupt_that_was_swallowed_is_raised_again_and_again(soon, number):
    with interruptible():
        swallow()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                time.sleep(20)
    time.sleep(0.1)  # no more after the block, where it would end pytest


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
def test_an_interrupt_that_is_being_handled_is_not_raised_again(soon, number, error):
    with pytest.raises(error), interruptible():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            try:
                raise error from None
            finally:
                time.sleep(0.1)


def test_an_interrupt_that_was_swallowed_is_raised_again_by_the_same_signal(soon, number):
    """A shell ignores SIGINT for what it starts in the background, and SIGTERM stops that all the same."""
    before = [signal.signal(other, signal.SIG_IGN) for other in POLITE if other != number]
    try:
        with interruptible():
            swallow(number)
            with pytest.raises(KeyboardInterrupt):
                time.sleep(20)
    finally:
        for other, handler in zip((other for other in POLITE if other != number), before, strict=True):
            signal.signal(other, handler)


@pytest.mark.parametrize("error", [ImportError, AttributeError, RecursionError])
def test_an_error_after_an_interrupt_that_was_swallowed_is_an_interrupt(number, error):
    with pytest.raises(KeyboardInterrupt), interruptible():
        swallow(number)
        raise error("half of a module")
    with pytest.raises(error), interruptible():
        raise error("a mistake")
    with pytest.raises(UsageError), interruptible():
        swallow(number)
        raise UsageError("it has its own words")


def test_an_import_that_an_interrupt_has_stopped_is_an_interrupt(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("half of it") from None


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    """Return a module that receives a signal in its import, once or twice, and does not exist before."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"slow_module_{tmp_path.name.replace('-', '_')}"

    def written(*numbers):
        sent = "".join(f"    signal.raise_signal({int(number)})\n" for number in numbers)
        (tmp_path / f"{name}.py").write_text(
            f"import signal, time\ntry:\n{sent}    time.sleep(0.1)\n"
            "except BaseException:\n    is_whole = False\nelse:\n    is_whole = True\n"
        )
        importlib.invalidate_caches()
        return name

    yield written
    sys.modules.pop(name, None)


def test_a_request_waits_until_a_module_is_imported(number, slow_module):
    with pytest.raises(KeyboardInterrupt), interruptible():
        imported = importlib.import_module(slow_module(number))
        time.sleep(20)
    assert imported.is_whole


def test_a_request_in_the_last_import_ends_the_block(number, slow_module, monkeypatch):
    monkeypatch.setattr("genkit.runs.signals.SECONDS_BETWEEN_LOOKS", 900)
    with pytest.raises(KeyboardInterrupt), interruptible():
        assert importlib.import_module(slow_module(number)).is_whole


def test_an_interrupt_within_a_module_that_calls_is_not_one_within_an_import(number, tmp_path, monkeypatch):
    """As a script that is imported and trains: the import is around the block, and does not end before it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "calling_module.py").write_text(
        "import signal, time\nfrom genkit.runs.signals import interruptible\n"
        f"with interruptible():\n    signal.raise_signal({int(number)})\n    is_stopped = False\n"
    )
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module("calling_module")


def test_a_second_interrupt_does_not_wait_for_an_import(soon, number, slow_module):
    with pytest.raises(KeyboardInterrupt), interruptible():
        imported = importlib.import_module(slow_module(number, signal.SIGINT))
        assert not imported.is_whole
        time.sleep(20)


def test_a_request_does_not_wait_for_a_module_of_genkit(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        exec(f"import signal; signal.raise_signal({int(number)}); assert False", {"__name__": "genkit.recipe.fake"})


def test_no_signal_is_sent_after_the_block(number, monkeypatch):
    """Also where the block ends in the middle of the sending; it would end the program, or pytest."""
    made, late, is_sending, kill = [], [], threading.Event(), os.kill

    class Noted(RepeatedSignal):
        def __init__(self):
            super().__init__()
            made.append(self)

    def kill_after_the_end(*arguments):
        is_sending.set()
        while not made[0].is_over:
            time.sleep(0.01)
        time.sleep(0.1)
        kill(*arguments)

    monkeypatch.setattr("genkit.runs.signals.RepeatedSignal", Noted)
    monkeypatch.setattr("genkit.runs.signals.SECONDS_UNTIL_AGAIN", 0.0)
    monkeypatch.setattr(os, "kill", kill_after_the_end)
    signal.signal(number, lambda *given: late.append(given))
    with interruptible():
        swallow(number)
        assert is_sending.wait(900)
    time.sleep(0.2)
    assert not late


def test_a_signal_is_sent_once_however_often_it_was_started(number):
    received, again = [], RepeatedSignal()
    signal.signal(number, lambda *given: received.append(given))
    for seconds in (0.1, 0.1, 0.15):
        again.start(number, seconds)
    time.sleep(0.3)
    again.stop()
    assert len(received) <= 1
