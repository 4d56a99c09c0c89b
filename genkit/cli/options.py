"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Weights = Annotated[str | None, typer.Option("--weights", metavar="raw|ema", help="Which weights to use.")]
Processes = Annotated[int, typer.Option("--processes", min=1, help="How many processes train together.")]
