"""``genkit convert CHECKPOINT``: published weights as a model folder."""

from __future__ import annotations

import json as json_format
import shlex
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.options import Json, Overrides, recipe_path
from genkit.cli.completion.complete_paths import complete_recipe
from genkit.cli.places.writable import folder_to_write
from genkit.cli.plan_for_command import plan_for_command
from genkit.console.escapes import in_one_line
from genkit.storage.user_path import user_path


def convert(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", parser=user_path, help="File that the code of Soft-IntroVAE or AS-IntroVAE saved."
        ),
    ],
    recipe: Annotated[
        Path,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            parser=recipe_path,
            autocompletion=complete_recipe,
            help="Recipe whose [model] is the network.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", parser=folder_to_write("--out"), help="Model folder to make.")
    ],
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Convert a published checkpoint into a model folder.

    The tensors of the checkpoint and of the network of the recipe must match. A folder that exists is not overwritten.
    """
    from genkit.runs.convert.convert_checkpoint import convert as convert_checkpoint

    facts = convert_checkpoint(checkpoint, plan_for_command(recipe, overrides), out)
    left_out = facts["converted"]["left_out"]
    if json:
        counts = {key: facts[key] for key in ("tensors", "values", "epoch")}
        print(json_format.dumps({"folder": str(out), **counts, "left_out": left_out}))
        return
    epoch = "" if facts["epoch"] is None else f", epoch {facts['epoch']}"
    print(f"converted {facts['tensors']} tensors with {facts['values']:,} values{epoch}: all tensors of the network")
    if left_out:
        print(f"left out  {', '.join(left_out)}, which are not weights of the network")
    print(f"folder    {in_one_line(out)}\nnext      genkit sample {shlex.quote(str(out))}")
