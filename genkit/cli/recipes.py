"""``genkit recipes``: the recipes that genkit ships."""

from __future__ import annotations

import json as json_format
import shutil
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json
from genkit.storage.os_errors import describe_os_error

app = typer.Typer(help="List the shipped recipes, or copy one to change it.", invoke_without_command=True)


@app.callback()
def default(context: typer.Context, json: Json = False) -> None:
    """List the recipes unless a command follows."""
    if context.invoked_subcommand is None:
        list_recipes(json)
    elif json:
        context.default_map = {context.invoked_subcommand: {"json": True}}


@app.command("list")
def list_recipes(json: Json = False) -> None:
    """List the shipped recipes by name."""
    from genkit.recipe.shipped import shipped_recipes

    titles = shipped_recipes()
    if json:
        print(json_format.dumps(titles))
        return
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        print(f"{name:{width}}  {title}")


@app.command("copy")
def copy(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    to: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="By default NAME.toml here.")] = None,
) -> None:
    """Copy a shipped recipe to a file of yours."""
    from genkit.errors import UsageError, near_miss
    from genkit.recipe.shipped import recipes_folder, shipped_recipes

    name = name.removesuffix(".toml")
    if name not in shipped_recipes():
        raise UsageError(f'no shipped recipe is called "{name}".{near_miss(name, shipped_recipes())}')
    target = to or Path(f"{name}.toml")
    if target.is_dir():
        target = target / f"{name}.toml"
    if target.exists():
        raise UsageError(f"{target}: is there already, and is not overwritten. Name another file.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recipes_folder() / f"{name}.toml", target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {describe_os_error(error, target)}.") from None
    print(f"genkit run {target}")
