"""Standard output that is lost while a command works."""

import errno
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from genkit.console.streams import excuse_lost_output, lost_output, protect_streams

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")


@pytest.fixture
def stdout_of(monkeypatch):
    """Make a file the standard output of genkit."""
    opened = []

    def become(file):
        opened.append(open(file, "w", encoding="utf-8"))  # noqa: SIM115
        monkeypatch.setattr(sys, "stdout", opened[-1])
        protect_streams()

    yield become
    for stream in opened:
        with suppress(OSError):
            stream.close()


def test_what_a_reader_no_longer_takes_is_dropped(stdout_of):
    reading, writing = os.pipe()
    stdout_of(writing)
    print("one", flush=True)
    assert os.read(reading, 10) == b"one\n"
    os.close(reading)
    for _ in range(3):
        print("two", flush=True)
        Console().print("three")  # rich ends the process on a BrokenPipeError
    assert lost_output() is None


@needs_full
def test_an_output_that_cannot_be_written_is_remembered_until_it_is_excused(stdout_of):
    stdout_of("/dev/full")
    print("one")
    loss = lost_output()
    assert loss is not None and loss.errno == errno.ENOSPC
    excuse_lost_output()
    assert lost_output() is None


def test_an_output_that_does_not_block_is_waited_for(stdout_of):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    stdout_of(writing)
    text = "x" * 300_000  # more than a pipe holds
    received = bytearray()

    def read():
        time.sleep(0.1)
        while len(received) <= len(text):
            received.extend(os.read(reading, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    print(text, flush=True)
    reader.join(900)
    os.close(reading)
    assert received.decode() == text + "\n"
