"""``genkit recipes``: the shipped recipes, listed or copied."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.command_group import CommandGroup
from genkit.cli.arguments.options import Json
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.completion.complete_names import complete_shipped_recipe
from genkit.storage.user_path import user_path

app = Commands(
    cls=CommandGroup,
    help="List the shipped recipes, tables and spaces, or copy one.",
    invoke_without_command=True,
)


@app.callback()
def default(context: typer.Context, json: Json = False) -> None:
    """List the recipes unless a command follows."""
    if context.invoked_subcommand is None:
        list_recipes(json)
    elif json:
        context.default_map = {context.invoked_subcommand: {"json": True}}


@app.command("list")
def list_recipes(json: Json = False) -> None:
    """List the shipped recipes, tables and spaces by name."""
    from genkit.recipe.text.shipped import SPACES, TABLES, shipped_recipes, shipped_spaces, shipped_tables

    titles, tables, spaces = shipped_recipes(), shipped_tables(), shipped_spaces()
    if json:
        others = {f"{TABLES}/{name}": title for name, title in tables.items()}
        others |= {f"{SPACES}/{name}": title for name, title in spaces.items()}
        print(json_format.dumps(titles | others))
        return
    width = max(map(len, (*titles, *tables, *spaces)), default=0)
    for name, title in titles.items():
        print(f"{name:{width}}  {title}")
    print("\nTables of several runs, for `genkit table NAME`:\n")
    for name, title in tables.items():
        print(f"{name:{width}}  {title}")
    print("\nSpaces of searches, for `genkit tune RECIPE --space NAME`:\n")
    for name, title in spaces.items():
        print(f"{name:{width}}  {title}")


@app.command("copy")
def copy(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=complete_shipped_recipe, help="Name of a shipped recipe or space."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", parser=user_path, help="New file, or its folder; NAME.toml by default."),
    ] = None,
) -> None:
    """Copy a shipped recipe or space to a new file, and overwrite none."""
    from genkit.recipe.text.shipped import copy_shipped_recipe, is_shipped_space

    file = copy_shipped_recipe(name, to)
    print(f"genkit tune RECIPE --space {file}" if is_shipped_space(name) else f"genkit run {file}")
