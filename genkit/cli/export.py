"""``genkit export RUN``: the model of a run as a folder for others."""

from __future__ import annotations

import json as json_format
import shlex
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.options import Json, RunOrModel, Weights
from genkit.cli.places.inputs import print_remark
from genkit.cli.places.outputs import refuse_inside_data
from genkit.cli.places.writable import folder_to_write
from genkit.console.escapes import in_one_line


def export(
    run: RunOrModel,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            parser=folder_to_write("--out"),
            help="New folder; by default RUN/export-WEIGHTS.",
        ),
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also write the networks in ONNX, after a comparison with torch.")
    ] = False,
    json: Json = False,
) -> None:
    """Export the model of a run into a folder for others.

    Write config.json, model.safetensors, samples.png, and a model card, README.md, with the recipe, the metrics and
    the limits that the run knows. `genkit.load` and the commands that take a model folder read it; `genkit push`
    uploads it. Paths of this machine are left out. A folder that exists is not overwritten.
    """
    from genkit.runs.trained_models.saved_model import find_model
    from genkit.sharing.export import export as export_model

    if out is not None:
        refuse_inside_data(out / "samples.png", find_model(run).recipe.tables.get("data") or {})
    exported = export_model(run, out, weights, onnx=onnx)
    for remark in exported.remarks:
        print_remark(remark)
    if json:
        facts = {"folder": str(exported.folder), "weights": exported.weights, "files": list(exported.files)}
        print(json_format.dumps(facts))
        return
    print(f"folder    {in_one_line(exported.folder)}: {', '.join(exported.files)}; {exported.weights} weights")
    print("to do     README.md: fill in the licence and the intended use")
    print(f"next      genkit push {shlex.quote(str(exported.folder))} ORG/NAME")
