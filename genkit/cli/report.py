"""``genkit report RUN``: a run as one page for a browser."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from genkit.cli.arguments.options import Json, RunPath
from genkit.cli.places.destination import Destination, destination


def report(
    run: RunPath,
    out: Annotated[
        Destination | None,
        typer.Option(
            "--out", metavar="FILE", parser=destination, help="HTML file to write; report.html in the run by default."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: Json = False,
) -> None:
    """Write a run as one page: curves, pictures, metrics, recipe.

    The page is one file that needs no network. A run writes it when it ends; this command writes it at any time, also
    while the run is training, from what its folder holds. Neither the data nor the plugins of the run are needed.
    """
    from genkit.cli.places.inputs import print_remark
    from genkit.cli.places.output_files import page_file
    from genkit.cli.places.outputs import refused_if_unwritable
    from genkit.console.output import Console
    from genkit.runs.on_disk.run_folder import RunFolder
    from genkit.runs.report.write_report import report_page, write_report

    folder = RunFolder.open(run)
    if out is None:
        with refused_if_unwritable(folder.report, remedy=" Choose another place with --out."):
            path = write_report(folder)
    else:
        output = page_file(out, folder.report)
        page = report_page(folder)
        with output.writing() as [draft]:
            draft.write_bytes(page)
        [path] = output.written
    if json:
        print(json_format.dumps({"run": str(run), "report": str(path)}))
    else:
        Console().print(f"report    {path}")
    if show and typer.launch(str(path)) != 0:
        print_remark(f"{path}: no browser could be started. Open the file in one.")
