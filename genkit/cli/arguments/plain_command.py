"""Commands whose help names arguments as messages and the documentation do, without types of Python."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A command; its help has ``RUN`` where typer has ``{RUN}`` and ``RUN <Path>``."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the line ``Usage:`` that follow the command; optional arguments are in brackets."""
        names = [
            (_name(parameter), parameter.required) for parameter in self.get_params(ctx) if _is_argument(parameter)
        ]
        arguments = [name if required or name.startswith("[") else f"[{name}]" for name, required in names]
        return [*([self.options_metavar] if self.options_metavar else []), *arguments]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, each with its help."""
        lists: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is None:
                continue
            if _is_argument(parameter):
                lists["Arguments"].append((_name(parameter), record[1]))
            else:
                lists["Options"].append(record)
        for heading, records in lists.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Commands(typer.Typer):
    """An app of typer whose commands are a `PlainCommand`, unless they are registered with another class."""

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = PlainCommand, **options: Any) -> Any:
        """Register a function as typer does."""
        return super().command(name, cls=cls, **options)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())
