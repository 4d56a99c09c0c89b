"""``genkit data``: the data of a recipe, checked, prepared, drawn or exported, before training."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.choice import choice
from genkit.cli.arguments.command_group import CommandGroup
from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import Json, Overrides, RecipePath
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.completion.complete_names import one_of
from genkit.cli.places.destination import Destination, destination
from genkit.cli.places.inputs import print_remark
from genkit.cli.places.output_files import picture_file
from genkit.cli.places.outputs import refuse_among_pictures, refuse_inside_data, refused_if_unwritable
from genkit.cli.places.writable import folder_to_write
from genkit.cli.plan_for_command import plan_for_command


class Split(StrEnum):
    """The splits of a data set."""

    TRAIN = "train"
    TEST = "test"


app = Commands(cls=CommandGroup, help="Check, prepare, draw or export the data of a recipe.", no_args_is_help=True)


@app.command("check")
def check(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Decode every picture and report what is bad, without writing.

    The report has the number of pictures, their sizes, modes and formats, the effect of the transform, and the pictures
    that are bad, identical or smaller than the input of the network. Its last line says whether a run can use the data;
    the exit code is 2 if not.
    """
    from genkit.bases.pictures.splits import both_splits, inspect_splits
    from genkit.cli.show.show_data import describe_split, print_picture_report, print_splits, verdict
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.recipe.machine.missing import too_large
    from genkit.recipe.text.placed import placed, placing_errors

    plan = plan_for_command(recipe, overrides)
    with placing_errors(plan.document):
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
        raise UsageError(placed("\n".join(refusals), plan.document))


@app.command("prepare")
def prepare(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Prepare the pictures of both splits, and verify prepared ones.

    Damaged pictures are prepared again. `genkit run` prepares what is missing.
    """
    from genkit.bases.pictures.splits import both_splits, prepare_splits
    from genkit.cli.show.show_data import print_prepared
    from genkit.console.output import Console
    from genkit.recipe.text.placed import placing_errors

    plan = plan_for_command(recipe, overrides)
    with placing_errors(plan.document):
        prepared = prepare_splits(both_splits(plan.data))
    if json:
        print(json_format.dumps({"prepared": [split._asdict() for split in prepared]}))
    else:
        print_prepared(prepared, Console())


@app.command("show")
def show(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Annotated[
        Destination | None,
        typer.Option("--out", metavar="FILE", parser=destination, help="PNG file to write; data.png by default."),
    ] = None,
    number: Annotated[
        int, whole_number("--number", "-n", least=1, most=1024, help="Most pictures of each split.")
    ] = 32,
) -> None:
    """Draw pictures of both splits as the network sees them.

    They are the first batch of a run, in its order and with its flips, and held-out pictures. A batch may have fewer
    pictures than --number.
    """
    from genkit.bases.pictures.splits import both_splits
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.recipe.text.placed import placed, placing_errors
    from genkit.runs.data.data_preview import save_data_preview

    output = picture_file(out, Path("data.png"))
    plan = plan_for_command(recipe, overrides)
    if len(plan.data.shape) != 3 or plan.data.shape[0] not in (1, 3):
        text = f"[data]: cannot be drawn: its samples have shape {plan.data.shape}, not (1, H, W) or (3, H, W)."
        raise UsageError(placed(text, plan.document))
    refuse_inside_data(output.place, plan.resolved["data"])
    with placing_errors(plan.document):
        both_splits(plan.data)
        with output.writing() as [draft]:
            save_data_preview(draft, plan, number)
    Console().print(f"picture   {output.written[0]}")


@app.command("export")
def export(
    recipe: RecipePath,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", parser=folder_to_write("--out"), help="New folder for the pictures."),
    ],
    split: Annotated[
        Split,
        typer.Option(
            "--split",
            metavar="|".join(Split),
            parser=choice(Split),
            autocompletion=one_of(*Split),
            help="Split to write; test is the held-out split.",
        ),
    ] = Split.TRAIN,
    number: Annotated[
        int | None,
        whole_number("--number", "-n", least=1, help="Number of pictures, spread over the split; all of it."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            "--masks",
            metavar="FOLDER",
            parser=folder_to_write("--masks"),
            help="New folder for the masks of the pictures.",
        ),
    ] = None,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Write the samples of a split as PNG files.

    They have 8 bits, and not the flips of training. A file has the name of the file that its sample is from, with the
    ending .png; names that would be equal keep their own ending, as in a.jpg.png. Other samples have their number in
    the split, and with classes are in a sub-folder of the class. With --masks, data that have masks write them under
    the same names.
    """
    from genkit.bases.pictures.splits import both_splits
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.recipe.text.placed import placed, placing_errors
    from genkit.runs.data.data_export import ExportedPictures

    plan = plan_for_command(recipe, overrides)
    with placing_errors(plan.document):
        data = both_splits(plan.data)[split is Split.TEST]
        try:
            pictures = ExportedPictures.spread(data, number)
        except ValueError as error:
            raise UsageError(placed(f"[data]: cannot be exported: {error}.", plan.document)) from None
    if masks is not None and not pictures.has_masks:
        raise UsageError(f"--masks {masks}: the data have no masks. Leave out --masks.")
    given = {"--out": out, "--masks": masks}
    for option, folder in {name: folder for name, folder in given.items() if folder is not None}.items():
        print_remark(refuse_among_pictures(option, folder, plan.resolved))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{option} {folder}: exists and is not empty. Give a new folder.")
    if masks is not None and _overlap(out.resolve(), masks.resolve()):
        raise UsageError(f"--masks {masks}: one of the folders {out} and {masks} is in the other. Give two folders.")
    with (
        refused_if_unwritable(out, option="--out", remedy=" Choose another place with --out."),
        placing_errors(plan.document),
    ):
        written = pictures.write(out, masks)
    if json:
        facts = {
            "pictures": written,
            "split": data.split,
            "out": str(out),
            "masks": None if masks is None else str(masks),
        }
        print(json_format.dumps(facts))
    else:
        Console().print(f"pictures  {written:,} of the {data.split} split in {out}")
        if masks is not None:
            Console().print(f"masks     {masks}")


def _overlap(one: Path, other: Path) -> bool:
    return one in (other, *other.parents) or other in one.parents
