"""``genkit compare RUN RUN``: runs beside each other."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json
from genkit.cli.outputs import check_png
from genkit.storage.os_errors import describe_os_error


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, two at least.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to write the picture of the curves, a PNG.")
    ] = Path("comparison.png"),
    json: Json = False,
) -> None:
    """Show in what the recipes of runs differ, and their numbers; draw their curves over each other."""
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.runs.compare import compare as compared
    from genkit.runs.comparison_report import print_comparison, save_comparison

    comparison = compared(runs)
    check_png(out)
    try:
        save_comparison(out, comparison)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {describe_os_error(error, out)}.") from None
    if json:
        print(json_format.dumps({**comparison.as_dict(), "picture": str(out)}))
        return
    console = Console()
    print_comparison(comparison, console)
    console.print(f"picture   {out}")
