"""Signals that ask a command to stop."""

import signal
import time

import pytest

from genkit.errors import Interrupted
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


def swallow():
    try:
        signal.raise_signal(signal.SIGINT)
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


def test_an_import_that_an_interrupt_has_stopped_is_an_interrupt(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("half of it") from None
    with pytest.raises(ImportError), interruptible():
        raise ImportError("not there")
