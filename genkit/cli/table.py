"""``genkit table TABLE``: recipes against hyper-parameters, trained once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Quiet


def table(
    path: Annotated[Path, typer.Argument(metavar="TABLE", help="A table, a TOML file.")],
    show: Annotated[bool, typer.Option("--show", help="Train nothing; print what there is.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ROW/COLUMN/SEED", help="Train no others; * stands for any. Repeatable."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Train the --only cells anew, and compare.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="How many runs train at a time.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each run.")] = 1,
    format: Annotated[str, typer.Option("--format", metavar="markdown|csv|latex", help="Print it as such text.")] = "",
    figure: Annotated[Path | None, typer.Option("--figure", metavar="FILE", help="Draw the densities, a PNG.")] = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="FOLDER", help="Where run folders are made.")] = Path("runs"),
    cells: Annotated[
        Path | None, typer.Option("--cells", metavar="FILE", help="The kept results; by default TABLE as .json.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Print a table of results; trains the cells that are missing first, and goes on with those that were stopped."""
    import torch
    from rich.markup import escape

    from genkit.console.output import Console
    from genkit.errors import Interrupted, RunError, UsageError
    from genkit.tables.experiment import experiments_of, try_steps
    from genkit.tables.figure import check_figure, save_figure
    from genkit.tables.reproduce import reproduce
    from genkit.tables.results_file import ResultsFile
    from genkit.tables.results_table import FORMATS, ResultsTable, plain
    from genkit.tables.selection import selected, without_needs
    from genkit.tables.spec import read_table
    from genkit.tables.train_missing import RunSettings, missing, train_missing

    if format and format not in FORMATS:
        raise UsageError(f"--format {format}: expected one of {', '.join(FORMATS)}.")
    if again and not only:
        raise UsageError("--again: which cells? --only ROW/COLUMN/SEED names them.")
    if again and (show or format or figure):
        raise UsageError("--again trains, and prints a comparison only: leave out --show, --format and --figure.")

    spec = read_table(path)
    experiments = experiments_of(spec, path)
    chosen = selected(experiments, only) if only else without_needs(experiments, spec)
    if figure is not None:
        check_figure(figure, experiments)
    results_file = ResultsFile(cells or path.with_suffix(".json"), path.name)
    console = Console(quiet=quiet or bool(format))
    settings = RunSettings(runs, jobs, threads, console)
    torch.set_num_threads(threads)

    troubles: list[str] = []
    kept = results_file.read()
    try:
        if again:
            reproduce(chosen, results_file, settings)
            return
        if (lacking := missing(chosen, kept)) and not show:
            console.info(f"{len(experiments)} runs, {len(lacking)} to train or to read, {jobs} at a time, in {runs}/")
            try_steps(lacking, path)
            troubles = train_missing(lacking, results_file, settings)
            kept = results_file.read()
    except KeyboardInterrupt:  # while numbers were read or computed; training has a way of its own to stop
        raise Interrupted("stopped; what was kept stays. The same command goes on.") from None

    filled = ResultsTable.of(spec, experiments, kept)
    if format:
        print(FORMATS[format](filled), end="")
    else:
        console.table(escape(spec.title), [escape(title) for title in filled.header], filled.rows(plain))
        console.table("how each number is made", ("metric", "protocol"), filled.how())
        console.print("\n".join(filled.remarks))
    if figure is not None:
        save_figure(figure, spec, experiments, runs)
        console.info(f"figure    {figure}")
    if troubles:
        raise RunError("\n".join(troubles))
