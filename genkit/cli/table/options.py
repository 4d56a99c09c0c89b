"""Arguments and options that several subcommands of ``genkit table`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.completion.complete_contents import complete_cell
from genkit.cli.completion.complete_names import one_of
from genkit.cli.completion.complete_paths import complete_table
from genkit.cli.places.writable import folder_to_write
from genkit.storage.user_path import user_path

ONLY = "ROW/COLUMN/SEED"

TablePath = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        parser=user_path,
        autocompletion=complete_table,
        help="Table file (TOML), or the name of a shipped table.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar=ONLY,
        autocompletion=complete_cell,
        help="Train these runs only. * matches any text, and the end may be left out. Repeatable.",
    ),
]
Jobs = Annotated[int, whole_number("--jobs", least=1, help="Number of runs that train at a time.")]
Threads = Annotated[
    int, whole_number("--threads", least=1, help="Number of threads of each run; another number gives other bits.")
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="markdown|csv|latex",
        autocompletion=one_of("markdown", "csv", "latex"),
        help="Print the table as text in this format.",
    ),
]
Runs = Annotated[
    Path,
    typer.Option("--runs", metavar="FOLDER", parser=folder_to_write("--runs"), help="Folder of the run folders."),
]
Cells = Annotated[
    Path | None,
    typer.Option(
        "--cells", metavar="FILE", parser=user_path, help="Results file; by default TABLE with the ending .json."
    ),
]
