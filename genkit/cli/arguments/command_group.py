"""The group of commands: its errors for an unknown command, for an option that is given twice, and for a stop."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from genkit.cli.arguments.headings import ORDER
from genkit.cli.arguments.keys_without_set import refuse_keys_without_set
from genkit.cli.arguments.other_options import refuse_other_options
from genkit.cli.arguments.other_words import command_meant
from genkit.cli.arguments.refused_value import values_refused_as_elsewhere
from genkit.cli.arguments.repeated_option import refuse_repeated, refuse_repeated_of
from genkit.cli.show.stopped import with_a_line_if_stopped
from genkit.console.escapes import escaped
from genkit.near_miss import near_miss


class CommandGroup(TyperGroup):
    """A group of commands; an unknown one is an error with the names that are close, or else with all names.

    Its help lists the commands below the headings that they were registered with (``rich_help_panel``).
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a list of commands for each heading; those of the module `headings` come first, in their order."""
        headings: dict[str, list[tuple[str, Any]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            given = getattr(command, "rich_help_panel", None)
            headings.setdefault(given if isinstance(given, str) else "Commands", []).append((name, command))
        widest = max((len(name) for commands in headings.values() for name, _ in commands), default=0)
        limit = formatter.width - widest - 6  # click's indentation and gap, as in its own list
        for heading in sorted(headings, key=lambda each: ORDER.index(each) if each in ORDER else len(ORDER)):
            commands = headings[heading]
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{widest}}", each.get_short_help_str(limit)) for name, each in commands])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command. Raises typer's usage error for one that is given twice."""
        refuse_repeated(ctx, args)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse the arguments. Raises `Interrupted` if the command is stopped meanwhile."""
        with with_a_line_if_stopped(), values_refused_as_elsewhere():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises `Interrupted` if it is stopped and says nothing of it."""
        with with_a_line_if_stopped(), values_refused_as_elsewhere():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first argument names. Raises typer's usage error, exit code 2, if there is none."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            suggest = command_meant if ctx.parent is None else near_miss
            ctx.fail(f"{escaped(args[0])}: unknown command.{suggest(args[0], self.commands)}")
        name, command, rest = super().resolve_command(ctx, args)
        refuse_other_options(name, rest, ctx)
        refuse_keys_without_set(command, rest, ctx)
        if not isinstance(command, CommandGroup):  # which reads its own arguments
            refuse_repeated_of(command, name, rest, ctx)
        return name, command, rest
