"""``genkit table TABLE``: what `genkit table train` does, and older options that a subcommand replaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.options import Quiet
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.table import subcommands
from genkit.cli.table.options import Cells, Format, Jobs, Only, Runs, TablePath, Threads
from genkit.errors import UsageError
from genkit.storage.user_path import user_path

app = Commands(add_completion=False, rich_markup_mode=None)


@app.command()
def table(
    path: TablePath,
    only: Only = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    format: Format = "",
    runs: Runs = Path("runs"),
    cells: Cells = None,
    quiet: Quiet = False,
    show: Annotated[bool, typer.Option("--show", hidden=True)] = False,
    again: Annotated[bool, typer.Option("--again", hidden=True)] = False,
    figure: Annotated[Path | None, typer.Option("--figure", parser=user_path, hidden=True)] = None,
) -> None:
    """Train the missing runs of a table, and print the table.

    Runs that were stopped continue from their newest checkpoint.
    """
    from genkit.tables.figure import check_figure, save_figure
    from genkit.tables.formats import check_format
    from genkit.tables.open_table import OpenTable

    check_format(format)
    if again:
        if not only:
            raise UsageError("--again: no runs selected. Add --only ROW/COLUMN/SEED.")
        if show or format or figure:
            raise UsageError("--again: not possible with --show, --format or --figure. Leave them out.")
        subcommands.reproduce(path, only, jobs, threads, runs, cells, quiet)
        return

    opened = OpenTable(path, cells)
    selected = opened.select(only)
    if figure:
        check_figure(figure, opened.experiments)
    settings = subcommands.run_settings(runs, jobs, threads, quiet or bool(format))
    errors = [] if show else subcommands.train_selected(opened, selected, settings)
    subcommands.print_table(opened.results(), format, settings.console)
    if figure:
        save_figure(figure, opened.spec, opened.experiments, runs)
        settings.console.info(f"figure    {figure}")
    subcommands.raise_errors(errors)
