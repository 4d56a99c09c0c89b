"""The command group that also accepts a table file in place of a subcommand."""

from __future__ import annotations

from typing import Any

import typer

from genkit.cli.arguments.command_group import CommandGroup
from genkit.cli.arguments.repeated_option import refuse_repeated_of
from genkit.cli.table import without_subcommand


class TableGroup(CommandGroup):
    """Runs the command `without_subcommand` unless the first argument is a subcommand or asks for help."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments, with the command that they are for."""
        help_options = parent.help_option_names if parent else ["--help"]
        if args and (args[0] in self.commands or args[0] in help_options):
            return super().make_context(info_name, args, parent, **extra)
        command = typer.main.get_command(without_subcommand.app)
        refuse_repeated_of(command, info_name, args, parent)
        return command.make_context(info_name, args, parent, **extra)
