"""The group of commands whose error for an unknown command names the closest ones."""

from __future__ import annotations

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
        return super().resolve_command(ctx, args)
