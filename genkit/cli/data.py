"""``genkit data``: what a recipe's pictures are, before anything is trained on them."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.options import Json, Overrides, RecipePath
from genkit.cli.outputs import check_png
from genkit.storage.os_errors import describe_os_error

if TYPE_CHECKING:
    from genkit.core.types import Dataset
    from genkit.recipe.plan import Plan

app = typer.Typer(help="Check, prepare or show the data of a recipe.", no_args_is_help=True)


@app.command("check")
def check(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Look at every picture and tell what is there, what is bad and what the transform will do; writes nothing."""
    from genkit.cli.show_data import print_picture_report
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.parts.datasets.base.picture_set import PictureSet
    from genkit.parts.datasets.hub_stream import HubStream
    from genkit.parts.datasets.pictures.bad_pictures import bad_pictures_error
    from genkit.parts.datasets.pictures.inspect_pictures import PictureReport, inspect_pictures

    console, splits = Console(), _splits(_plan(recipe, overrides))
    found: list[tuple[PictureSet | HubStream, PictureReport]] = []
    seen: dict[bytes, str] = {}
    for data in splits:
        if isinstance(data, (PictureSet, HubStream)):
            found.append((data, inspect_pictures(data, seen)))
    if json:
        print(json_format.dumps({"splits": [each.as_dict() for _, each in found] or [*map(_facts, splits)]}))
    elif not found:
        console.table(
            "data", ("split", "shape", "samples"), [tuple(map(str, _facts(data).values())) for data in splits]
        )
    else:
        for _, each in found:
            print_picture_report(each, console)
    if refused := [
        str(bad_pictures_error(each.bad, each.number, f"{each.where}, {each.split} split"))
        for data, each in found
        if each.bad and (data.on_bad == "refuse" or len(each.bad) == each.number)  # none would be left
    ]:
        raise UsageError("\n".join(refused))


@app.command("prepare")
def prepare(recipe: RecipePath, overrides: Overrides = None, json: Json = False) -> None:
    """Prepare the pictures of both splits now; those that are prepared already are verified, byte for byte."""
    from genkit.console.output import Console
    from genkit.console.quantities import quantity
    from genkit.errors import UsageError
    from genkit.parts.datasets.base.picture_set import PictureSet
    from genkit.parts.datasets.pictures.prepare import prepare_and_verify

    console, lines, refused = Console(), [], []
    for data in _splits(_plan(recipe, overrides)):
        if isinstance(data, PictureSet):
            store = prepare_and_verify(data.source, data.transform, data.root)
            try:
                data.check_bad(store)
            except UsageError as error:  # what is wrong with the other split is told with it
                refused.append(str(error))
            facts = {"split": data.split, "pictures": store.about["shape"][0], "bytes": store.nbytes}
            lines.append({**facts, "skipped": len(store.bad), "store": str(store.path)})
    if refused:
        raise UsageError("\n".join(refused))
    if json:
        print(json_format.dumps({"prepared": lines}))
        return
    for line in lines:
        skipped = f", {line['skipped']:,} skipped" if line["skipped"] else ""
        size = quantity(line["bytes"], "B")
        console.print(f"{line['split']:6} {line['pictures']:,} pictures{skipped}, {size}, in {line['store']}")
    if not lines:
        console.print("These data need no preparation.")


@app.command("show")
def show(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the picture.")] = Path("data.png"),
) -> None:
    """Draw what the network will see: the first pictures of a run, and some that are held out, as a PNG."""
    from genkit.console.output import Console
    from genkit.errors import UsageError
    from genkit.runs.data_preview import save_data_preview

    check_png(out)
    plan = _plan(recipe, overrides)
    if len(plan.data.shape) != 3 or plan.data.shape[0] not in (1, 3):
        raise UsageError(f"[data] has samples of shape {plan.data.shape}, expected pictures, (1, H, W) or (3, H, W).")
    _splits(plan)  # raises where either is absent
    try:
        save_data_preview(out, plan)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {describe_os_error(error, out)}.") from None
    Console().print(f"picture   {out}")


def _plan(recipe: Path, overrides: list[str] | None) -> Plan:
    from genkit.recipe.plan import make_plan

    return make_plan(recipe, overrides=tuple(overrides or ()))


def _splits(plan: Plan) -> list[Dataset]:
    """Return the train and the held-out split. Raises `UsageError` where either is absent."""
    from genkit.errors import UsageError

    splits = [plan.data, plan.data.held_out()]
    if unmet := dict.fromkeys(text for data in splits for text in data.unmet()):
        raise UsageError("\n".join(unmet))
    return splits


def _facts(data: Dataset) -> dict[str, object]:
    samples = "never ends" if data.size is None else data.size
    return {"split": data.split, "shape": tuple(data.shape), "samples": samples}
