"""The error for an option that takes one value and is given twice: only the last value would count.

The rule holds for every option of every command. An option that may be given several times says "Repeatable" in its
help; one whose value is a list says so by its metavar, such as ``NAME,...``, and takes the values in one list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from genkit.console.escapes import escaped

LIST = ",..."  # the end of the metavar of an option that takes a list


def refuse_repeated_of(command: Any, name: str | None, args: Sequence[str], parent: Any) -> None:
    """Do what `refuse_repeated` does before the command is called `name` below the context of its group."""
    resilient = parent is not None and parent.resilient_parsing
    refuse_repeated(command.context_class(command, parent, name, resilient_parsing=resilient), args)


def refuse_repeated(ctx: Any, args: Sequence[str], *, group: bool = False) -> None:
    """Raise typer's usage error, exit code 2, for an option with one value that is given twice.

    `args` are those of the command of the context. Those of a group end where its command begins.
    """
    if ctx.resilient_parsing:  # a shell completes the command
        return
    given: dict[str, list[str]] = {}
    metavars = {}
    for parameter, value in _single_values(ctx.command, args, group):
        option = max(parameter.opts, key=len)
        given.setdefault(option, []).append(value)
        metavars[option] = parameter.metavar or ""
    for option, values in given.items():
        if len(values) > 1:
            remedy = "Give it once."
            if metavars[option].endswith(LIST):
                remedy = f"Give it once, with commas: {option} {escaped(','.join(values))}."
            ctx.fail(f"{option}: given {len(values)} times, but it takes one value. {remedy}")


def _single_values(command: Any, args: Sequence[str], group: bool) -> Iterator[tuple[Any, str]]:
    """Yield each option among the arguments that takes one value, with the value."""
    by_name = {name: parameter for parameter in command.params for name in parameter.opts if name.startswith("-")}
    rest = iter(args)
    for text in rest:
        if text == "--" or (group and not text.startswith("-")):
            return
        name, equals, value = text.partition("=")
        if not text.startswith("--"):
            name, value = _short(text, by_name)
            equals = value
        parameter = by_name.get(name)
        if parameter is None or parameter.is_flag:
            continue
        if not equals:
            value = next(rest, "")
        if not parameter.multiple:
            yield parameter, value


def _short(text: str, by_name: dict[str, Any]) -> tuple[str, str]:
    """Return the first option with a value among short ones, and the value behind it: of ``-qn4``, ``-n`` and 4."""
    for position, letter in enumerate(text[1:], 1):
        parameter = by_name.get(f"-{letter}")
        if parameter is None or not parameter.is_flag:
            return f"-{letter}", text[position + 1 :].removeprefix("=")
    return text, ""
