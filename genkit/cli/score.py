"""``genkit score RUN``: how abnormal the user's own pictures are."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.arguments.number_option import real_number
from genkit.cli.arguments.options import Json, ModelToRead, Out, Weights, overrides_within
from genkit.cli.completion.complete_contents import complete_key_of_data
from genkit.cli.completion.complete_names import complete_score
from genkit.cli.places.inputs import open_with_remark, print_remark
from genkit.cli.places.output_files import OutputFiles, name_in_files
from genkit.cli.places.outputs import refuse_inside_data
from genkit.errors import Interrupted
from genkit.storage.user_path import user_path

if TYPE_CHECKING:
    from genkit.runs.user_pictures.score_pictures import ScoredSet, ScoredSets

ENDINGS = (".csv", ".jsonl", ".png")

Sets = Annotated[
    list[Path],
    typer.Option(
        "--data",
        metavar="PICTURES",
        parser=user_path,
        help="Pictures to score: a folder, a file, or a .npy or .npz. Repeatable: each is a set with a row of its own.",
    ),
]
Normal = Annotated[
    Path | None,
    typer.Option(
        "--normal",
        metavar="PICTURES",
        parser=user_path,
        help="Normal pictures; by default the held-out split of the run.",
    ),
]
GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="FILE",
        parser=user_path,
        help="CSV file of the columns file and group: pictures of a group, such as a patient, are not independent, so "
        "intervals draw groups.",
    ),
]
ScoreName = Annotated[
    str,
    typer.Option(
        "--score",
        metavar="NAME",
        autocompletion=complete_score,
        help="Score of a picture; `genkit plugins` lists them.",
    ),
]
ScoreOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="TABLE.KEY=VALUE",
        autocompletion=complete_key_of_data,
        help="Set a key of score, or of the run's [data]. Repeatable.",
    ),
]


def score(
    run: ModelToRead,
    sets: Sets,
    name: ScoreName = "elbo",
    overrides: ScoreOverrides = None,
    normal: Normal = None,
    groups: GroupsFile = None,
    fpr: Annotated[
        float, real_number("--fpr", help="Share of the normal pictures that may be called abnormal, above 0.")
    ] = 0.05,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Score your own pictures, and find the abnormal ones.

    They are those that score above the threshold. The threshold is the lowest score that at most a share --fpr of
    the normal pictures exceeds. Write OUT.csv and OUT.jsonl with a row for each picture, and OUT.png with the
    histograms. By default OUT is RUN/scores-SCORE-WEIGHTS-of-SET. Pictures are cropped, converted and resized as
    those of the run.
    """
    from genkit.draw.score_histogram import SetOfScores, save_score_histogram
    from genkit.runs.trained_models.build_parts import build_score
    from genkit.runs.trained_models.collapse import FACT
    from genkit.runs.user_pictures.described_score import describe_score, facts_of_score, remark_on_weights
    from genkit.runs.user_pictures.score_files import write_score_files
    from genkit.runs.user_pictures.score_pictures import check_scores, score_sets
    from genkit.runs.user_pictures.sets_to_score import open_sets

    given = overrides_within(("score", "data"), overrides, "score.draws=50")
    of_score = [override for override in given if override.strip().startswith("score")]
    chosen = build_score(name, of_score)
    trained = open_with_remark(run, weights)
    model = check_scores(run.folder, trained, chosen, name)
    of_data = [override for override in given if override not in of_score]
    opened = open_sets(run.folder, trained, sets, normal, of_data, groups)
    first, more = name_in_files(opened.others[0].name, sets[0]), len(opened.others) - 1
    default = f"scores-{name}-{trained.weights}-of-{first}" + f"-and-{more}-more" * (more > 0)
    output = OutputFiles(out, run.output(default), ENDINGS)
    for place in (*sets, *([normal] if normal else [])):
        refuse_inside_data(output.stem, trained.data, place)

    try:
        scored = score_sets(run.folder, trained, model, chosen, opened, fpr)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. Run the same command again.") from None
    note = _describe(scored, describe_score(chosen, model), fpr, trained.weights)
    with output.writing() as (table, lines, picture):
        write_score_files(table, lines, scored)
        of_normal, *of_others = [SetOfScores(each.name, each.scores.numpy()) for each in scored.every]
        save_score_histogram(picture, of_normal, of_others, scored.threshold, trained.title, f"score {name}", note)
    written = [str(path) for path in output.written]
    for each in scored.every:
        print_remark(each.remark)
    print_remark(scored.reconstructed.remark_on(run))
    print_remark(remark_on_weights(name, chosen, trained, of_score))
    if json:
        facts = facts_of_score(chosen, model)
        facts |= {"weights": trained.weights, "fpr": fpr, "threshold": scored.threshold}
        facts |= {FACT: scored.reconstructed.with_remark()}
        print(json_format.dumps({**facts, "sets": _rows(scored), "written": written}))
    else:
        _print(scored, note, written)


def _describe(scored: ScoredSets, name: str, fpr: float, weights: str) -> str:
    """Return a sentence about the threshold."""
    above = scored.normal.above(scored.threshold)
    return (
        f"threshold {scored.threshold:.6g}: {above:,} of {scored.normal.described} are above it, at most a share of "
        f"{fpr:g}. Score {name}; {weights} weights."
    )


def _rows(scored: ScoredSets) -> list[dict[str, Any]]:
    """Return the numbers of each set, the normal pictures first."""
    from genkit.console.output import progress_count

    with progress_count("comparing sets", len(scored.every)) as advance:
        rows = []
        for each in scored.every:
            rows.append(_row(scored, each))
            advance(1)
    return rows


def _row(scored: ScoredSets, each: ScoredSet) -> dict[str, Any]:
    from genkit.runs.user_pictures.intervals import NO_INTERVAL, describe_interval

    facts: dict[str, Any] = {"set": each.name, "pictures": len(each.scores), "median": each.median}
    facts |= {"above": each.above(scored.threshold), "normal": each is scored.normal, "values": each.values}
    facts["groups"] = None if each.groups is None else len(set(each.groups))
    if each is scored.normal:
        return facts
    found = scored.separation(each)
    drawn = describe_interval("samples", scored.normal.groups, each.groups)
    return facts | {
        "auroc": found.auroc,
        "auroc_interval": found.auroc.interval,
        "interval": f"none: {NO_INTERVAL}" if found.auroc.interval is None else drawn,
        "auprc": found.auprc,
        "fpr_at_95_tpr": found.fpr,
    }


def _print(scored: ScoredSets, note: str, written: list[str]) -> None:
    """Print a row for each set, the threshold, and the files."""
    from genkit.console.output import Console
    from genkit.runs.user_pictures.intervals import remark_on_chance

    table, rows = [], _rows(scored)
    for row in rows:
        name = f"{row['set']} (normal)" if row["normal"] else row["set"]
        cells = [name, f"{row['pictures']:,}", f"{row['median']:.5g}", f"{row['above'] / row['pictures']:.2%}"]
        if row["normal"]:
            cells += ["", "", ""]
        else:
            interval = row["auroc_interval"]
            shown = " (no interval)" if interval is None else " ({:.4f} to {:.4f})".format(*interval)
            cells += [f"{row['auroc']:.4f}{shown}"]
            cells += [f"{row['auprc']:.4f}", f"{row['fpr_at_95_tpr']:.4f}"]
        table.append(cells)
    columns = ("set", "pictures", "median score", "above threshold", "AUROC (95 %)", "AUPRC", "FPR at 95 % TPR")
    console = Console()
    console.table("scores, higher for more abnormal pictures", columns, table)
    console.prose(note)
    console.prose("AUROC, AUPRC and FPR at 95 % TPR take all pictures of a set for abnormal.")
    normal, *others = rows
    for row in others:
        if chance := remark_on_chance(row["set"], row["auroc_interval"]):
            console.prose(chance)
        if row["auroc_interval"] is None or normal["groups"] is not None or row["groups"] is not None:
            console.prose(f"Interval of {row['set']}: {row['interval']}.")
    for path in written:
        console.print(path)
