"""Printed reports about the data of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from genkit.bases.pictures.inspect_pictures import SHOWN, PictureReport
from genkit.bases.pictures.source import count, shown_name
from genkit.bases.pictures.splits import PreparedSplit
from genkit.bases.pictures.unread import describe_other_files, describe_unread, list_names
from genkit.console.output import Console
from genkit.console.quantities import quantity
from genkit.core.dataset import Dataset

NAMED = 10  # lines of one kind that are printed; the rest are counted


def print_picture_report(report: PictureReport, console: Console) -> None:
    """Print what a split of pictures holds: a label, then its lines, for each fact that has any."""
    for label, texts in _lines(report):
        for number, text in enumerate(filter(None, texts)):
            console.print(f"{label if number == 0 else '':9} {shown_name(text)}")
    console.print("")


def verdict(reports: Sequence[PictureReport], refusals: Sequence[str]) -> str:
    """Return whether a run can use the data, and which lines of the reports deserve a look."""
    if refusals:
        return f"not usable: {count(len(refusals), 'problem')}"
    if not reports:
        return "usable"
    usable = " and ".join(f"{count(report.usable, 'picture')} of the {report.split} split" for report in reports)
    skipped = sum(len(report.bad) for report in reports)
    labels = dict.fromkeys(label for report in reports for label, texts in _lines(report) if any(texts))
    look = [label for label in ("unread", "levels", "enlarged", "bad", "identical", "names") if label in labels]
    return (
        f"usable: {usable}"
        + (f"; {count(skipped, 'bad picture')} left out" if skipped else "")
        + (f". Look at the lines {', '.join(look)}" if look else "; nothing unusual")
    )


def print_splits(splits: Sequence[Dataset], console: Console) -> None:
    """Print a table of splits that are not pictures."""
    rows = [*dict.fromkeys(tuple(map(str, describe_split(data).values())) for data in splits)]
    console.table("data", ("split", "shape", "samples"), rows)


def describe_split(data: Dataset) -> dict[str, Any]:
    """Return the name of a split, the shape of a sample, and the number of samples."""
    samples = "never ends" if data.size is None else data.size
    return {"split": data.split, "shape": tuple(data.shape), "samples": samples}


def print_prepared(prepared: Sequence[PreparedSplit], console: Console) -> None:
    """Print a line for each prepared split."""
    for split in prepared:
        skipped = f", {split.skipped:,} skipped" if split.skipped else ""
        size = quantity(split.bytes, "B")
        console.print(f"{split.split:6} {split.pictures:,} pictures{skipped}, {size}, in {split.store}")
        if split.remark:
            console.prose(split.remark, "remark ")
    if not prepared:
        console.print("These data need no preparation.")


def _lines(report: PictureReport) -> list[tuple[str, list[str]]]:
    holds = [count(report.number, "picture")]
    holds += [] if report.classes is None else [f"{report.classes} class{'es' * (report.classes != 1)}"]
    holds += [] if report.groups is None else [count(report.groups, "group")]
    holds += [describe_other_files(report.other_suffixes)] if report.others else []
    sizes = [(f"{width} x {height}", number) for (width, height), number in report.sizes.most_common()]
    return [
        (report.split, [f"{report.where}: {', '.join(holds)}"]),
        ("unread", [describe_unread(report.unread), _describe_unread_splits(report.unread_splits)]),
        ("sizes", [_counted(sizes)]),
        ("modes", [_counted(report.modes.most_common())]),
        ("formats", [_counted(report.formats.most_common())]),
        ("transform", report.becomes),
        ("values", [] if report.values is None else [report.values.describe()]),
        ("levels", [report.unfit]),
        ("rows", _rows_without_picture(report)),
        ("rare", _first(report.rare)),
        ("enlarged", _enlarged(report)),
        ("bad", _first([str(bad) for bad in report.bad])),
        ("identical", _first([f"{first} and {second}" for first, second in report.alike])),
        (
            "names",
            _first([f"{first} and {second} differ only in ending or case" for first, second in report.named_alike]),
        ),
    ]


def _describe_unread_splits(names: list[str]) -> str:
    return f"split{'s' * (len(names) != 1)} {list_names(names)}" if names else ""


def _enlarged(report: PictureReport) -> list[str]:
    if not report.enlarged:
        return []
    verb = "has" if report.enlarged == 1 else "have"
    pictures = count(report.enlarged, "picture")
    return [f"{pictures} {verb} fewer pixels than the input of the network; the smallest is {report.smallest}"]


def _rows_without_picture(report: PictureReport) -> list[str]:
    rows = report.rows_without_picture
    return [f"{count(rows, 'row')} of groups {'has' if rows == 1 else 'have'} no picture"] if rows else []


def _counted(counts: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{name} ({number:,})" for name, number in counts[:SHOWN])
    return shown + (f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else "")


def _first(texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    rest = [f"and {len(texts) - NAMED:,} more"] if len(texts) > NAMED else []
    return texts[:NAMED] + rest
