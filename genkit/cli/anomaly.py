"""``genkit anomaly RUN``: where the user's own pictures are abnormal."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.arguments.number_option import real_number, whole_number
from genkit.cli.arguments.options import Json, ModelToRead, Out, Weights, overrides_within
from genkit.cli.completion.complete_names import complete_score
from genkit.cli.places.inputs import open_with_remark, print_remark
from genkit.cli.places.output_files import OutputFiles, name_in_files
from genkit.cli.places.outputs import refuse_inside_data
from genkit.cli.score import GroupsFile, Normal, ScoreOverrides
from genkit.console.escapes import in_one_line
from genkit.errors import Interrupted, UsageError
from genkit.storage.user_path import user_path

if TYPE_CHECKING:
    from genkit.runs.user_pictures.anomaly_maps import Maps, PixelNumbers

ENDINGS = ("-maps.npy", "-inputs.npy", "-reconstructions.npy", ".csv", ".png")
ARRAY = ".npy"
MOSTLY = 0.5  # share of marked pixels above which masks may be inverted

Folder = Annotated[
    Path,
    typer.Option(
        "--data", metavar="PICTURES", parser=user_path, help="Your own pictures: a folder, a file, or a .npy or .npz."
    ),
]
MaskFolder = Annotated[
    Path | None,
    typer.Option(
        "--masks",
        metavar="MASKS",
        parser=user_path,
        help="Masks of abnormal pixels: a folder with a mask for each picture, of the same name.",
    ),
]


def anomaly(
    run: ModelToRead,
    data: Folder,
    masks: MaskFolder = None,
    missing_is_empty: Annotated[
        bool, typer.Option("--missing-is-empty", help="A picture without a mask has no abnormal pixel.")
    ] = False,
    name: Annotated[
        str,
        typer.Option(
            "--score",
            metavar="NAME",
            autocompletion=complete_score,
            help="Score whose map is drawn: error, features, or another.",
        ),
    ] = "error",
    overrides: ScoreOverrides = None,
    smooth: Annotated[
        float, real_number("--smooth", metavar="S", help="Smooth maps by a Gaussian of S pixels; 0: not at all.")
    ] = 0.0,
    normal: Normal = None,
    groups: GroupsFile = None,
    fpr: Annotated[
        float, real_number("--fpr", help="Share of the pixels of normal pictures that may be above the threshold.")
    ] = 0.05,
    number: Annotated[int, whole_number("--number", "-n", least=1, help="Most pictures to draw.")] = 16,
    first: Annotated[
        bool, typer.Option("--first", help="Draw the first pictures, not those with the highest scores.")
    ] = False,
    weights: Weights = None,
    no_arrays: Annotated[
        bool, typer.Option("--no-arrays", help="Write the table and the picture only, and no array of each pixel.")
    ] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Map where your own pictures are abnormal.

    The map of a picture has the share of each pixel in its score. Pixels above the threshold are marked. The
    threshold is the lowest value that at most a share --fpr of the pixels of normal pictures exceeds. Write
    OUT-maps.npy, OUT-inputs.npy, OUT-reconstructions.npy, OUT.csv with a row for each picture, and OUT.png with the
    pictures of the highest scores; with --no-arrays only the last two. By default OUT is
    RUN/anomaly-SCORE-WEIGHTS-of-NAME. With masks, also print pixel AUROC, AUPRC and Dice.
    """
    from genkit.draw.anomaly_grid import save_anomaly_grid
    from genkit.runs.trained_models.build_parts import build_score
    from genkit.runs.trained_models.collapse import FACT
    from genkit.runs.user_pictures.anomaly_maps import MapFiles, MapOfScore, check_map, write_maps
    from genkit.runs.user_pictures.described_score import describe_score, facts_of_score
    from genkit.runs.user_pictures.sets_to_score import open_sets
    from genkit.runs.user_pictures.shown_pictures import ShownPictures
    from genkit.runs.user_pictures.user_masks import read_masks
    from genkit.runs.user_pictures.user_sets import open_user_sets

    if missing_is_empty and masks is None:
        raise UsageError("--missing-is-empty: no effect without --masks. Add --masks FOLDER, or leave it out.")
    given = overrides_within(("score", "data"), overrides, "score.pixels=0")
    of_score = [override for override in given if override.strip().startswith("score")]
    chosen = build_score(name, of_score)
    trained = open_with_remark(run, weights)
    model = check_map(run.folder, trained, chosen, name, smooth)
    of_data = [override for override in given if override not in of_score]
    sets = open_sets(run.folder, trained, [data], normal, of_data, groups)
    default = f"anomaly-{name}-{trained.weights}-of-{name_in_files(sets.others[0].name, data)}"
    output = OutputFiles(out, run.output(default), ENDINGS)
    for place in filter(None, (data, normal, masks)):
        refuse_inside_data(output.stem, trained.data, place)
    found, on_masks = None, ""
    if masks is not None:
        [pictures] = open_user_sets([data], sets.data, model.data_shape, "--data")
        found, on_masks = read_masks(pictures, masks, "empty" if missing_is_empty else "refuse")

    def note(maps: Maps) -> str:
        blurred = f", smoothed by {smooth:g} pixel{'s' * (smooth != 1)}" if smooth else ""
        return (
            f"map of the score {describe_score(chosen, model)}{blurred}; {trained.weights} weights. "
            f"Threshold {maps.threshold:.4g}: at most a share of {fpr:g} of the pixels of {sets.normal.described} is "
            f"above it. Share of the pixels above it: {maps.above:.2%} of {sets.others[0].described}."
        )

    def draw(path: Path, maps: Maps) -> None:
        drawn = len(maps.shown.names)
        which = f"the first {drawn}" if first else f"those with the {drawn} highest scores, in descending order"
        which = "all, in their order" if first and drawn == len(sets.others[0]) else which
        text = f"{note(maps)} Pictures: {which}."
        save_anomaly_grid(path, maps.shown, maps.threshold, trained.title, text)

    mapping, shown = MapOfScore(model, chosen, smooth), ShownPictures(number, first=first)
    try:
        with output.writing() as drafts:
            files = MapFiles(*drafts)
            maps = write_maps(run.folder, trained, mapping, sets, found, fpr, shown, files, draw, not no_arrays)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. Run the same command again.") from None
    written = [str(path) for path in output.written]
    sizes = {path: path.stat().st_size for path in output.written}
    for each in sets.every:
        print_remark(each.remark())
    print_remark(on_masks)
    print_remark(maps.reconstructed.remark_on(run))
    if json:
        facts = facts_of_score(chosen, model)
        facts |= {
            "weights": trained.weights,
            "smooth": smooth,
            "fpr": fpr,
            "threshold": maps.threshold,
            "pictures": len(sets.others[0]),
            "shown": list(maps.shown.names),
            "above": maps.above,
            "values": sets.others[0].values(),
            **_as_json(maps.numbers, sets.others[0].groups),
            FACT: maps.reconstructed.with_remark(),
            "written": written,
            "bytes": sum(sizes.values()),
        }
        print(json_format.dumps(facts))
        return
    _print(maps.numbers, len(sets.others[0]), sets.others[0].groups)
    print(note(maps))
    print("\n".join(map(in_one_line, written)))
    print(_sizes(sizes, output.stem.parent))


def _sizes(sizes: Mapping[Path, int], folder: Path) -> str:
    """Return how much was written into a folder, and how to write less."""
    from genkit.console.quantities import quantity

    arrays = sum(size for path, size in sizes.items() if path.suffix == ARRAY)
    of_arrays = f", of which {quantity(arrays, 'B')} are arrays; --no-arrays leaves them out" if arrays else ""
    return f"{quantity(sum(sizes.values()), 'B')} in {folder}{of_arrays}"


def _as_json(numbers: PixelNumbers | None, groups: Sequence[str] | None) -> dict[str, Any]:
    """Return the numbers against the masks by name, each with its interval if it has one."""
    if numbers is None:
        return {}
    from genkit.runs.user_pictures.intervals import describe_interval

    named = {
        "pixel_auroc": numbers.auroc,
        "pixel_auprc": numbers.auprc,
        "best_dice": numbers.best_dice,
        "dice": numbers.dice,
    }
    intervals = {name: getattr(value, "interval", None) for name, value in named.items()}
    described = describe_interval("pictures", groups)
    return {**named, "intervals": intervals, "interval": described, "abnormal": numbers.abnormal}


def _print(numbers: PixelNumbers | None, pictures: int, groups: Sequence[str] | None) -> None:
    """Print a table of the numbers against the masks."""
    if numbers is None:
        return
    from genkit.console.output import Console
    from genkit.runs.user_pictures.intervals import NO_INTERVAL, describe_interval, remark_on_chance

    names = ("pixel AUROC", "pixel AUPRC", "best Dice, over all thresholds", "Dice at the threshold")
    rows = []
    for name, value in zip(names, numbers, strict=False):
        interval = getattr(value, "interval", None)
        rows.append([name, f"{value:.4f}", "none" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"])
    title = f"{pictures:,} pictures with masks, {numbers.abnormal:.2%} of the pixels abnormal"
    Console().table(title, ("number", "value", "95 % interval"), rows)
    if chance := remark_on_chance(names[0], getattr(numbers.auroc, "interval", None)):
        Console().prose(chance)
    if any(row[-1] == "none" for row in rows):
        Console().prose(f"Interval none: {NO_INTERVAL}.")
    if groups is not None:
        Console().prose(f"Intervals: {describe_interval('pictures', groups)}.")
    if numbers.abnormal > MOSTLY:
        Console().prose("More than half of the pixels are marked as abnormal. If the masks are inverted, invert them.")
