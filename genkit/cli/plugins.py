"""``genkit plugins``: the installed parts with their owners, and the keys of one part."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from genkit.cli.arguments.command_group import CommandGroup
from genkit.cli.arguments.options import Json
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.check_plugin import check
from genkit.cli.completion.complete_names import complete_part
from genkit.cli.new_plugin import new

app = Commands(
    cls=CommandGroup,
    help="List, show, write and check plugins and their parts.",
    invoke_without_command=True,
)


@app.callback()
def default(context: typer.Context, json: Json = False) -> None:
    """List the plugins unless a command follows."""
    if context.invoked_subcommand is None:
        list_plugins(json)
    elif json:
        context.default_map = {context.invoked_subcommand: {"json": True}}


@app.command("list")
def list_plugins(json: Json = False) -> None:
    """List every part with its owner, and plugins that failed to load."""
    from genkit.recipe.installed.describe_parts import all_parts, name_clashes, part_as_dict
    from genkit.recipe.installed.registry import load_registry

    registry = load_registry()
    if json:
        parts = [part_as_dict(part) for part in all_parts(registry)]
        broken = [
            {"plugin": str(each.owner), "entry_point": each.owner.plugin, "reason": each.text}
            for each in registry.broken
        ]
        print(json_format.dumps({"parts": parts, "broken": broken, "clashes": name_clashes(registry)}))
        return
    from genkit.cli.show.show_parts import print_registry
    from genkit.console.output import Console

    print_registry(registry, Console())


@app.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", autocompletion=complete_part, help="Name of a part, as a recipe writes it.")
    ],
    json: Json = False,
) -> None:
    """Show what a part does, and the meaning of its keys."""
    from genkit.recipe.installed.describe_parts import describe_part, parts_named
    from genkit.recipe.installed.registry import load_registry

    registry = load_registry()
    parts = [describe_part(part, registry) for part in parts_named(registry, name)]
    if json:
        print(json_format.dumps({"parts": parts}))
        return
    from genkit.cli.show.show_parts import print_part
    from genkit.console.output import Console

    console = Console()
    for part in parts:
        print_part(part, console)


app.command("new")(new)
app.command("check")(check)
