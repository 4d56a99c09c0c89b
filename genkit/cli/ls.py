"""``genkit ls FOLDER``: the runs of a folder."""

from __future__ import annotations

import json as json_format
import shlex
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.choice import choice
from genkit.cli.arguments.options import Json
from genkit.cli.completion.complete_names import one_of
from genkit.runs.listing.list_runs import SortKey
from genkit.storage.user_path import user_path

RUNS = Path("runs")


def ls(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", parser=user_path, help="Folder of run folders; runs by default."),
    ] = None,
    sort: Annotated[
        SortKey,
        typer.Option(
            "--sort",
            metavar="|".join(SortKey),
            parser=choice(SortKey),
            autocompletion=one_of(*SortKey),
            help="What to sort by: the name by default.",
        ),
    ] = SortKey.NAME,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Turn the order round.")] = False,
    json: Json = False,
) -> None:
    """List the runs of a folder with state, step and main metric.

    A run is running, finished, failed, stopped or not started. It is incomplete if all its steps are trained and its
    model folder is missing, and damaged if a file cannot be read or was cut short. The main metric is [evaluate] best,
    or else the first metric that is better if lower or if higher. Its value is that after the last step, or of the
    newest evaluation. The longest, best and youngest runs come first.
    """
    from genkit.console.output import Console
    from genkit.runs.listing.list_runs import list_runs
    from genkit.runs.listing.runs_report import print_runs

    place = folder or RUNS
    runs = [] if folder is None and not RUNS.exists() else list_runs(place, sort, reverse=reverse)
    if json:
        print(json_format.dumps({"folder": str(place), "runs": [run.as_dict() for run in runs]}, allow_nan=False))
        return
    console = Console()
    print_runs(runs, console)
    if not runs:
        console.print(f"{place}: {_without_runs(place)}")


def _without_runs(place: Path) -> str:
    """Return what a folder is that has no runs, and what the user can do."""
    from genkit.storage.listing import exists
    from genkit.storage.names import ABOUT, CONFIG

    for facts, kind in ((ABOUT, "a model folder"), (CONFIG, "an exported model")):
        if exists(place / facts):
            return f"{kind}, which has no runs. Commands such as `genkit sample {shlex.quote(str(place))}` read it."
    return "no runs. `genkit run RECIPE` makes one."
