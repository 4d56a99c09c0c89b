"""Interrupts outside the call of a command: typer builds the commands before it calls one."""

import pytest
from support.commands import genkit

from genkit.cli.show.stopped import with_a_line_if_stopped
from genkit.errors import Interrupted
from genkit.launched import UNSAID

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("error", [KeyboardInterrupt, ImportError])
def test_an_interrupt_while_the_commands_are_built_ends_with_one_line(monkeypatch, error):
    def build(**options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise error from None

    monkeypatch.setattr("genkit.cli.app", build)
    result = genkit("ls")
    assert (result.code, result.out, result.err.count("\n")) == (Interrupted.exit_code, "", 1)
    assert result.err.startswith("stopped")


def test_one_of_several_processes_leaves_the_line_to_the_command_that_has_started_it(monkeypatch):
    monkeypatch.setenv("GENKIT_LAUNCHER", "1")
    for size, code in (("1", Interrupted), ("2", SystemExit)):
        monkeypatch.setenv("WORLD_SIZE", size)
        with pytest.raises(code) as end, with_a_line_if_stopped():
            raise KeyboardInterrupt
    assert end.value.code == UNSAID
