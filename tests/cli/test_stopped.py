"""Interrupts outside the call of a command: typer builds the commands before it calls one."""

import pytest
from support.commands import genkit

from genkit.errors import Interrupted

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
