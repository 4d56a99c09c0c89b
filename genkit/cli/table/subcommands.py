"""The subcommands of ``genkit table``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.arguments.html_option import OPTION, Html
from genkit.cli.arguments.options import Quiet
from genkit.cli.completion.complete_contents import complete_cell
from genkit.cli.table.options import ONLY, Cells, Format, Jobs, Only, Runs, TablePath, Threads
from genkit.storage.user_path import user_path

if TYPE_CHECKING:
    from genkit.console.output import Console
    from genkit.tables.experiment import Experiment
    from genkit.tables.open_table import OpenTable
    from genkit.tables.results_table import ResultsTable
    from genkit.tables.train_missing import RunSettings


def train(
    path: TablePath,
    only: Only = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    format: Format = "",
    runs: Runs = Path("runs"),
    cells: Cells = None,
    quiet: Quiet = False,
) -> None:
    """Train the missing runs of a table, and print the table.

    Runs that were stopped continue from their newest checkpoint.
    """
    from genkit.tables.formats import check_format
    from genkit.tables.open_table import OpenTable

    check_format(format)
    table = OpenTable(path, cells)
    settings = run_settings(runs, jobs, threads, quiet or bool(format))
    errors = train_selected(table, table.select(only), settings)
    print_table(table.results(), format, settings.console)
    raise_errors(errors)


def show(path: TablePath, format: Format = "", html: Html = None, cells: Cells = None) -> None:
    """Print a table, or write it as a page; train nothing.

    The page of --html also has a heat map of each metric, and the value of every seed.
    """
    from genkit.cli.places.output_files import page_file
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.tables.formats import check_format
    from genkit.tables.open_table import OpenTable

    check_format(format)
    if html is not None and format:
        raise UsageError(f"{OPTION}: not possible with --format. Leave out one of them.")
    page = None if html is None else page_file(html, Path(f"{path.stem}.html"), OPTION)
    table = OpenTable(path, cells)
    console = Console()
    print_table(table.results(), format, console)
    if page is not None:
        from genkit.tables.report_of_table import table_page

        content = table_page(table)
        with page.writing() as [draft]:
            draft.write_bytes(content)
        console.print(f"page      {page.written[0]}")


def reproduce(
    path: TablePath,
    only: Annotated[
        list[str],
        typer.Option(
            "--only",
            metavar=ONLY,
            autocompletion=complete_cell,
            help="Runs to reproduce. * matches any text, and the end may be left out. Repeatable.",
        ),
    ],
    jobs: Jobs = 1,
    threads: Threads = 1,
    runs: Runs = Path("runs"),
    cells: Cells = None,
    quiet: Quiet = False,
) -> None:
    """Train runs again, and compare with the kept results.

    The new runs are stored in FOLDER/again. The kept results do not change.
    """
    from genkit.errors import Interrupted
    from genkit.tables.open_table import OpenTable
    from genkit.tables.reproduce import reproduce as reproduce_runs

    table = OpenTable(path, cells)
    settings = run_settings(runs, jobs, threads, quiet)
    try:
        reproduce_runs(table.select(only), table.results_file, settings)
    except KeyboardInterrupt:  # while numbers are computed; training itself ends with `Interrupted`
        raise Interrupted("stopped. Repeat the command to continue.") from None


def figure(
    path: TablePath,
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=user_path, help="PNG file to write.")],
    runs: Annotated[
        Path, typer.Option("--runs", metavar="FOLDER", parser=user_path, help="Folder of the run folders.")
    ] = Path("runs"),
) -> None:
    """Draw the trained models of a table as a PNG.

    Each cell is a panel, with the model of the first seed. The data must be densities in the plane.
    """
    import torch

    from genkit.tables.figure import check_figure, save_figure
    from genkit.tables.open_table import OpenTable

    torch.set_num_threads(1)
    table = OpenTable(path)
    check_figure(file, table.experiments)
    save_figure(file, table.spec, table.experiments, runs)
    print(file)


def run_settings(runs: Path, jobs: int, threads: int, quiet: bool) -> RunSettings:
    """Return the settings of the options, and set the number of threads of this process."""
    import torch

    from genkit.console.output import Console
    from genkit.tables.train_missing import RunSettings

    torch.set_num_threads(threads)
    return RunSettings(runs, jobs, threads, Console(quiet=quiet))


def train_selected(table: OpenTable, experiments: list[Experiment], settings: RunSettings) -> list[str]:
    """Train the experiments that are missing, and return their errors. Raises `Interrupted` after Ctrl-C."""
    from genkit.errors import Interrupted
    from genkit.launched import refuse_other_engines

    refuse_other_engines()  # once, and not for each run
    try:
        return table.train(experiments, settings)
    except KeyboardInterrupt:  # while numbers are read or computed; training itself ends with `Interrupted`
        raise Interrupted("stopped; all results so far are kept. Repeat the command to continue.") from None


def print_table(table: ResultsTable, format: str, console: Console) -> None:
    """Print a table in one of the formats; if `format` is empty, for a terminal."""
    from genkit.tables.formats import FORMATS
    from genkit.tables.print_table import print_table as print_on_terminal

    if format:
        print(FORMATS[format](table), end="")
    else:
        print_on_terminal(table, console)


def raise_errors(errors: list[str]) -> None:
    """Raise `RunError` if there are errors."""
    from genkit.errors import RunError

    if errors:
        raise RunError("\n".join(errors))
