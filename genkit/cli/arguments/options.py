"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.completion.complete_contents import complete_key, complete_key_of_data
from genkit.cli.completion.complete_names import one_of
from genkit.cli.completion.complete_paths import complete_recipe, complete_run, complete_run_or_model
from genkit.cli.places.destination import Destination, destination
from genkit.cli.places.given_model import GivenModel, given_model
from genkit.cli.places.writable import folder_to_write
from genkit.storage.user_path import user_path


def recipe_path(given: str) -> Path:
    """Return the file of a recipe that a user gave as a path or by the name of a shipped recipe."""
    from genkit.recipe.text.shipped import shipped_recipe

    path = user_path(given)
    return shipped_recipe(path) or path


RecipePath = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE",
        parser=recipe_path,
        autocompletion=complete_recipe,
        help="Recipe file (TOML), or the name of a shipped recipe.",
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", parser=user_path, autocompletion=complete_run, help="Run folder, made by `genkit run`."
    ),
]
RunOrModel = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        parser=user_path,
        autocompletion=complete_run_or_model,
        help="Run, or model folder such as RUN/final.",
    ),
]
ModelToRead = Annotated[
    GivenModel,
    typer.Argument(
        metavar="RUN",
        parser=given_model,
        autocompletion=complete_run_or_model,
        help="Run, model folder such as RUN/final, exported folder, or ORG/NAME, a model on the hub.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="TABLE.KEY=VALUE",
        autocompletion=complete_key,
        help="Override a key of the recipe. Repeatable.",
    ),
]
DataOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="data.KEY=VALUE",
        autocompletion=complete_key_of_data,
        help="Override a key of the run's [data]. Repeatable.",
    ),
]
StandIn = Annotated[
    bool, typer.Option("--stand-in", help="Replace the data by generated data of the shape that the recipe declares.")
]
Pictures = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="PICTURES", parser=user_path, help="Your own pictures: a file, a folder, or a .npy or .npz."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="raw|ema",
        autocompletion=one_of("raw", "ema"),
        help="Weights to use; by default the EMA weights, if there are any.",
    ),
]
Processes = Annotated[int, whole_number("--processes", least=1, help="Number of processes that train together.")]
Threads = Annotated[
    int | None,
    whole_number(
        "--threads",
        least=1,
        help="Number of threads of each process; by default one for a small step, else all cores. "
        "Another number gives other bits.",
    ),
]
Workers = Annotated[
    int | None,
    whole_number(
        "--workers",
        least=0,
        help="Number of processes that load the data of the next steps; 0: the training itself does. The result is the "
        "same; the plan prints the default.",
    ),
]
Out = Annotated[
    Destination | None,
    typer.Option(
        "--out",
        metavar="OUT",
        parser=destination,
        help="File to write, without its ending, or folder, with / at its end if it is new. The default is in RUN; for "
        "an exported folder and ORG/NAME it is in the working folder, as NAME-...",
    ),
]
Runs = Annotated[
    Path,
    typer.Option("--runs", metavar="FOLDER", parser=folder_to_write("--runs"), help="Folder of the run folders."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the results and the run folder.")]


def overrides_within(tables: tuple[str, ...], overrides: list[str] | None, example: str) -> tuple[str, ...]:
    """Return the overrides. Raises `UsageError` if one sets a table that the command does not read.

    `example` is a valid override, for the error of a malformed one.
    """
    from genkit.recipe.text import overrides as of_recipe

    return of_recipe.overrides_within(tables, overrides or (), example)
