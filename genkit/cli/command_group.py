"""The group of commands: its errors for an unknown command, and for an option that is given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperGroup

from genkit.console.escapes import escaped
from genkit.near_miss import near_miss


class CommandGroup(TyperGroup):
    """A group of commands; an unknown one is an error with the names that are close, or else with all names."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first argument names. Raises typer's usage error, exit code 2, if there is none."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"{escaped(args[0])}: unknown command.{near_miss(args[0], self.commands)}")
        name, command, rest = super().resolve_command(ctx, args)
        _refuse_repeated(ctx, command, rest)
        return name, command, rest


def _refuse_repeated(ctx: Any, command: Any, args: Sequence[str]) -> None:
    """Raise typer's usage error for an option with one value that is given twice: only the last would count."""
    given = Counter(_single_options(command, args))
    for option, number in given.items():
        if number > 1:
            ctx.fail(f"{option}: given {number} times, but it takes one value. Give it once.")


def _single_options(command: Any, args: Sequence[str]) -> Iterator[str]:
    """Yield the name of each option among the arguments of a command that takes one value."""
    by_name = {name: parameter for parameter in command.params for name in parameter.opts if name.startswith("-")}
    rest = iter(args)
    for text in rest:
        if text == "--":
            return
        name, equals, _ = text.partition("=")
        parameter = by_name.get(name)
        if parameter is None or parameter.is_flag:
            continue
        if not equals:
            next(rest, None)  # its value
        if not parameter.multiple:
            yield max(parameter.opts, key=len)
