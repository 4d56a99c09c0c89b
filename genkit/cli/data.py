"""``genkit data``: the data of a recipe, checked, prepared or drawn before training."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.command_group import CommandGroup
from genkit.cli.options import Json, Overrides, RecipePath
from genkit.cli.outputs import refuse_inside_data, refused_if_unwritable, require_png
from genkit.cli.plan_for_command import plan_for_command
from genkit.storage.user_path import user_path

app = typer.Typer(cls=CommandGroup, help="Check, prepare or draw the data of a recipe.", no_args_is_help=True)


@app.command("check")
def check(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Decode every picture and report what is bad, without writing.

    The report has the number of pictures, their sizes, modes and formats, the effect of the transform, and the pictures
    that are bad, identical or smaller than the input of the network. Its last line says whether a run can use the data;
    the exit code is 2 if not.
    """
    from genkit.cli.show_data import describe_split, print_picture_report, print_splits, verdict
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.parts.datasets.pictures.splits import both_splits, inspect_splits
    from genkit.recipe.missing import too_large

    plan = plan_for_command(recipe, overrides)
    splits = both_splits(plan.data)
    reports, refusals = inspect_splits(splits)
    usable = reports[0].usable if reports else plan.data.size
    if plan.data.size is not None and usable is not None and 0 < usable < plan.recipe.train.batch_size:
        refusals.append(too_large(plan.recipe.train.batch_size, usable))
    if json:
        facts = [report.as_dict() for report in reports] or [describe_split(data) for data in splits]
        print(json_format.dumps({"splits": facts, "usable": not refusals, "verdict": verdict(reports, refusals)}))
    else:
        console = Console()
        for report in reports:
            print_picture_report(report, console)
        if not reports:
            print_splits(splits, console)
        console.print(f"verdict   {verdict(reports, refusals)}")
    if refusals:
        raise UsageError("\n".join(refusals))


@app.command("prepare")
def prepare(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Prepare the pictures of both splits, and verify prepared ones.

    Damaged pictures are prepared again. `genkit run` prepares what is missing.
    """
    from genkit.cli.show_data import print_prepared
    from genkit.console.output import Console
    from genkit.parts.datasets.pictures.splits import both_splits, prepare_splits

    prepared = prepare_splits(both_splits(plan_for_command(recipe, overrides).data))
    if json:
        print(json_format.dumps({"prepared": [split._asdict() for split in prepared]}))
    else:
        print_prepared(prepared, Console())


@app.command("show")
def show(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", parser=user_path, help="PNG file to write.")] = Path(
        "data.png"
    ),
) -> None:
    """Draw pictures of both splits as the network sees them.

    They are the first batch of a run, in its order and with its flips, and held-out pictures.
    """
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.parts.datasets.pictures.splits import both_splits
    from genkit.runs.data_preview import save_data_preview

    require_png(out)
    plan = plan_for_command(recipe, overrides)
    if len(plan.data.shape) != 3 or plan.data.shape[0] not in (1, 3):
        raise UsageError(
            f"{recipe} [data]: cannot be drawn: its samples have shape {plan.data.shape}, not (1, H, W) or (3, H, W)."
        )
    refuse_inside_data(out, plan.resolved["data"])
    both_splits(plan.data)
    with refused_if_unwritable(out, option="--out"):
        save_data_preview(out, plan)
    Console().print(f"picture   {out}")
