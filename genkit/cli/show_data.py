"""What pictures there are, for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genkit.console.output import Console
from genkit.parts.datasets.pictures.inspect_pictures import SHOWN, PictureReport
from genkit.parts.datasets.pictures.source import count, shown_name

NAMED = 10


def print_picture_report(found: PictureReport, console: Console) -> None:
    """Print what a split holds."""
    holds = [count(found.number, "picture")]
    holds += [] if found.classes is None else [f"{found.classes} class{'es' * (found.classes != 1)}"]
    holds += [count(found.others, "other file")] if found.others else []
    lines = [(found.split, [f"{found.where}: {', '.join(holds)}"])]
    sizes = [(f"{width} x {height}", number) for (width, height), number in found.sizes.most_common()]
    lines.append(("sizes", [_counted(sizes)]))
    lines.append(("modes", [_counted(found.modes.most_common())]))
    lines.append(("formats", [_counted(found.formats.most_common())]))
    lines.append(("become", found.becomes))
    if found.enlarged:
        few = "has" if found.enlarged == 1 else "have"
        text = (
            f"{count(found.enlarged, 'picture')} {few} fewer pixels than the network sees; smallest: {found.smallest}"
        )
        lines.append(("enlarged", [text]))
    lines.append(("bad", _named([str(bad) for bad in found.bad])))
    lines.append(("alike", _named([f"{first} and {second} look the same" for first, second in found.alike])))
    lines.append(
        (
            "names",
            _named([f"{first} and {second} differ in ending or case alone" for first, second in found.named_alike]),
        )
    )
    for head, texts in lines:
        for text in filter(None, texts):
            console.print(f"{head:9} {shown_name(text)}")
            head = ""
    console.print("")


def _counted(counts: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{what} ({number:,})" for what, number in counts[:SHOWN])
    return shown + (f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else "")


def _named(texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    rest = [f"and {len(texts) - NAMED:,} more"] if len(texts) > NAMED else []
    return texts[:NAMED] + rest
