"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genkit.errors import UsageError
from genkit.recipe.overrides import parted

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a TOML file.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by `genkit run`.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Override a key of the recipe; repeatable.")
]
StandIn = Annotated[
    bool, typer.Option("--stand-in", help="Made-up data of the shape that the recipe declares, in place of its own.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the results and the run folder.")]
FinishedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or its final folder.")]
DataOverrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="data.KEY=VALUE", help="Override a key of the run's [data]; repeatable."),
]
Pictures = Annotated[
    Path | None, typer.Option("--data", metavar="PICTURES", help="Your own: a picture, or a folder of them.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="OUT", help="Where to write, without an ending.")]
Weights = Annotated[str | None, typer.Option("--weights", metavar="raw|ema", help="Which weights to use.")]
Processes = Annotated[int, typer.Option("--processes", min=1, help="How many processes train together.")]


def only(tables: tuple[str, ...], overrides: list[str] | None, reader: str, example: str) -> tuple[str, ...]:
    """Return the overrides. Raises `UsageError` if one sets a table that `reader`, the command, does not read.

    `example` is an override of one that it does, for who has written none.
    """
    for override in overrides or ():
        path, _ = parted(override, example)
        if path[0] not in tables:
            raise UsageError(f"--set {override}: would do nothing; {reader} reads {', '.join(tables)} alone.")
    return tuple(overrides or ())
