"""``genkit plugins check``: the package of a plugin and the laws of its parts."""

from __future__ import annotations

import contextlib
import json as json_format
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.arguments.options import Json
from genkit.cli.completion.complete_names import complete_plugin

if TYPE_CHECKING:
    from genkit.console.output import Console
    from genkit.plugin_check.check import Report


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE",
            autocompletion=complete_plugin,
            help="Plugin: its entry point, its distribution, or its module.",
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KIND.NAME.KEY=VALUE", help="Set a key of a part for its check. Repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a plugin: its package, and the laws of each of its parts. Exit code 1 if a law is broken."""
    from genkit.console.output import Console
    from genkit.plugin_check.check import check_plugin

    console, stdout = Console(silent=json), sys.stdout

    def print_now(report: Report) -> None:
        with contextlib.redirect_stdout(stdout):
            _print_report(report, console)

    with contextlib.redirect_stdout(sys.stderr):  # what a part prints is no result
        reports = check_plugin(name, overrides or (), print_now)
    broken = sum(len(report.broken) for report in reports)
    skipped = sum(bool(report.not_checked) for report in reports)
    if json:
        print(json_format.dumps({"reports": [report.as_dict() for report in reports], "broken": broken}))
    else:
        held = sum(len(report.verdicts) for report in reports) - broken
        parts = "1 part was" if skipped == 1 else f"{skipped} parts were"
        console.print(f"{held} laws hold, {broken} {'is' if broken == 1 else 'are'} broken, {parts} not checked")
    if broken:
        raise typer.Exit(1)


def _print_report(report: Report, console: Console) -> None:
    """Print a line for the part, one with the laws that hold, and one for each that does not."""
    state = "broken" if report.broken else "not checked" if report.not_checked else "ok"
    place = f" ({report.place})" if report.place else ""
    console.print(f"{state:<12}{report.kind} {report.name}{place}")
    if held := "; ".join(each.law for each in report.verdicts if not each.broken):
        console.print(f"{'  holds':<12}{held}")
    for each in report.broken:
        console.print(f"{'  broken':<12}{each.law}: {each.message}")
    if report.not_checked:
        console.print(f"{'  missing':<12}{report.not_checked}")
