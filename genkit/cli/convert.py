"""``genkit convert CHECKPOINT``: published weights as a final folder."""

from __future__ import annotations

import json as json_format
import shlex
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json, Overrides


def convert(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A file that Soft-IntroVAE or AS-IntroVAE saved.")
    ],
    recipe: Annotated[Path, typer.Option("--recipe", metavar="RECIPE", help="Whose [model] is the network in it.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The final folder to make.")],
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Turn a published checkpoint into a final folder, which `genkit.load`, `genkit sample` and the others take."""
    from genkit.recipe.plan import make_plan
    from genkit.runs.convert.convert_checkpoint import convert as convert_to

    facts = convert_to(checkpoint, make_plan(recipe, overrides=tuple(overrides or ())), out)
    left_out = facts["converted"]["left_out"]
    if json:
        told = {key: facts[key] for key in ("tensors", "values", "epoch")}
        print(json_format.dumps({"folder": str(out), **told, "left_out": left_out}))
        return
    epoch = "" if facts["epoch"] is None else f", epoch {facts['epoch']}"
    print(
        f"converted {facts['tensors']} tensors, {facts['values']:,} values{epoch}: each has its place, and none is new"
    )
    if left_out:
        print(f"left out  {', '.join(left_out)}: no weights of the network")
    print(f"folder    {out}\nnext      genkit sample {shlex.quote(str(out))}")
