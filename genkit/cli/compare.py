"""``genkit compare RUN RUN``: two or more runs side by side."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.complete_paths import complete_run
from genkit.cli.destination import Destination, destination
from genkit.cli.options import Json
from genkit.cli.output_files import picture_file
from genkit.cli.outputs import refuse_inside_data
from genkit.storage.user_path import user_path


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", parser=user_path, autocompletion=complete_run, help="Two or more run folders."
        ),
    ],
    out: Annotated[
        Destination | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=destination,
            help="PNG file for the picture of the curves; comparison.png by default.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare the recipes, numbers and curves of two or more runs.

    Numbers share a row, and curves a panel, only if their metric, protocol and data agree. Neither the data nor the
    plugins of the runs are needed. An unfinished run has the numbers of its newest evaluation.
    """
    from genkit.console.output import Console
    from genkit.runs.compare import compare as compare_runs
    from genkit.runs.comparison_report import print_comparison, save_comparison

    comparison = compare_runs(runs)
    output = picture_file(out, Path("comparison.png"))
    for run in comparison.runs:
        refuse_inside_data(output.place, run.recipe.get("data", {}))
    with output.writing() as [draft]:
        save_comparison(draft, comparison)
    [picture] = output.written
    if json:
        print(json_format.dumps({**comparison.as_dict(), "picture": str(picture)}))
        return
    console = Console()
    print_comparison(comparison, console)
    console.print(f"picture   {picture}")
