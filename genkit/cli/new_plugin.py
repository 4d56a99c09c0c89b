"""``genkit plugins new``: a package with a part of each kind, to change."""

from __future__ import annotations

import json as json_format
import shlex
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.choice import choice
from genkit.cli.arguments.options import Json
from genkit.cli.completion.complete_names import one_of
from genkit.cli.places.writable import folder_to_write
from genkit.scaffold.kinds import TEMPLATES, Kind, with_needed
from genkit.scaffold.names import PluginName
from genkit.storage.user_path import user_path


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the plugin and of its parts: lower-case-with-hyphens.")
    ],
    kinds: Annotated[
        list[Kind],
        typer.Option(
            "--kind",
            metavar="KIND",
            parser=choice(Kind),
            autocompletion=one_of(*Kind),
            help=f"Kind of a part of the plugin: {', '.join(Kind)}. Repeatable.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            parser=folder_to_write("--out"),
            help="New folder for the package; NAME by default.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a package with a part of each kind, to be changed.

    It has code, tests, and a recipe that uses the parts.
    """
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.recipe.installed.registry import load_registry
    from genkit.scaffold.write import write_plugin

    plugin = PluginName(name)
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise UsageError(f"--kind {twice}: given twice. Give it once; add a second {TEMPLATES[twice].label} by hand.")
    complete = with_needed(tuple(kinds))
    folder = out or user_path(name)
    write_plugin(plugin, complete, folder, load_registry())

    commands = (
        f"cd {shlex.quote(str(folder))}",
        "pip install -e '.[test,lint]'",
        f"genkit plugins check {name}",
        "pytest",
        f"genkit run recipes/{name}.toml",
    )
    files = {kind: f"{plugin.package}/{kind}.py" for kind in complete}
    if json:
        facts = {"folder": str(folder), "distribution": plugin.distribution, "parts": files, "next": commands}
        print(json_format.dumps(facts))
        return
    console = Console()
    console.print(f"package   {folder}, {plugin.distribution}")
    for kind, file in files.items():
        why = "" if kind in kinds else ", to use the divergence, since no loss of genkit takes one"
        console.print(f"part      {file}: the {TEMPLATES[kind].label} {name}{why}")
    console.print("\nnext")
    for command in commands:
        console.print(f"  {command}")
