"""Signals that ask a command to stop."""

import signal

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
