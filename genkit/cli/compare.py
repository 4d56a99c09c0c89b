"""``genkit compare RUN RUN``: two or more runs side by side."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.html_option import OPTION, Html
from genkit.cli.arguments.options import Json
from genkit.cli.completion.complete_paths import complete_run
from genkit.cli.places.destination import Destination, destination
from genkit.cli.places.output_files import page_file, picture_file
from genkit.cli.places.outputs import refuse_inside_data
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
    html: Html = None,
    json: Json = False,
) -> None:
    """Compare the recipes, numbers and curves of two or more runs.

    Numbers share a row, and curves a panel, only if their metric, protocol and data agree. Neither the data nor the
    plugins of the runs are needed. An unfinished run has the numbers of its newest evaluation.

    With --html, a page of at most ten runs takes the place of the picture: it also has samples of the same latent codes
    and reconstructions of the same held-out samples, of the runs whose model and data are on this machine.
    """
    from genkit.console.output import Console
    from genkit.runs.comparison.compare import compare as compare_runs
    from genkit.runs.comparison.comparison_report import print_comparison, save_comparison

    comparison = compare_runs(runs)
    written: dict[str, Path] = {}
    picture = None if html is not None and out is None else picture_file(out, Path("comparison.png"))
    if picture is not None:
        for run in comparison.runs:
            refuse_inside_data(picture.place, run.recipe.get("data", {}))
    if html is not None:
        from genkit.runs.comparison.report_of_comparison import comparison_page

        page = page_file(html, Path("comparison.html"), OPTION)
        content = comparison_page(comparison)
        with page.writing() as [draft]:
            draft.write_bytes(content)
        [written["page"]] = page.written
    if picture is not None:
        with picture.writing() as [draft]:
            save_comparison(draft, comparison)
        [written["picture"]] = picture.written
    if json:
        print(json_format.dumps({**comparison.as_dict(), **{kind: str(path) for kind, path in written.items()}}))
        return
    console = Console()
    print_comparison(comparison, console)
    for kind, path in written.items():
        console.print(f"{kind:9} {path}")
