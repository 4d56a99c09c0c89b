"""The error for an option that takes one value and is given twice: only the last value would count.

The rule holds for every option of every command. An option that may be given several times says "Repeatable" in its
help; one whose value is a list says so by its metavar, such as ``NAME,...``, and takes the values in one list.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from genkit.cli.arguments.html_option import CommandWithPage, with_value
from genkit.console.escapes import escaped

LIST = ",..."  # the end of the metavar of an option that takes a list


def refuse_repeated_of(command: Any, name: str | None, args: Sequence[str], parent: Any) -> None:
    """Do what `refuse_repeated` does before the command is called `name` below the context of its group."""
    resilient = parent is not None and parent.resilient_parsing
    given = list(with_value(args)) if isinstance(command, CommandWithPage) else args
    refuse_repeated(command.context_class(command, parent, name, resilient_parsing=resilient), given)


def refuse_repeated(ctx: Any, args: Sequence[str]) -> None:
    """Raise typer's usage error, exit code 2, for an option with one value that is given twice.

    `args` are those of the command of the context; those of a group end where its command begins. Typer itself parses
    them, for a copy of the command whose options may all be repeated; it raises its errors of a call that it refuses.
    """
    if ctx.resilient_parsing:  # a shell completes the command
        return
    trial = copy(ctx.command)
    trial.params = [_repeatable(parameter) for parameter in ctx.command.params]
    given, _, _ = trial.make_parser(ctx).parse_args(args=list(args))
    for parameter in filter(_is_single, ctx.command.params):
        values = given.get(parameter.name) or ()
        if len(values) > 1:
            option = max(parameter.opts, key=len)
            remedy = "Give it once."
            if (parameter.metavar or "").endswith(LIST):
                remedy = f"Give it once, with commas: {option} {escaped(','.join(values))}."
            ctx.fail(f"{option}: given {len(values)} times, but it takes one value. {remedy}")


def _is_single(parameter: Any) -> bool:
    """Return whether a parameter is an option with one value: no argument, and no flag."""
    return parameter.param_type_name == "option" and not parameter.is_flag and not parameter.multiple


def _repeatable(parameter: Any) -> Any:
    if not _is_single(parameter):
        return parameter
    repeated = copy(parameter)
    repeated.multiple = True
    return repeated
