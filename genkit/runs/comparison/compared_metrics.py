"""Numbers of metrics in a comparison: which of them are comparable, and under which label."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Literal

WAY_CHARACTERS = 80  # at most, of what distinguishes one protocol of a metric


@dataclass(frozen=True)
class MetricProtocol:
    """How a number was computed. Numbers are comparable only if all fields are equal."""

    labels: tuple[str, ...]  # usually one; several if runs have the same number under different labels
    metric: str
    protocol: str
    data: str  # the first run of the comparison with the same data in the split of the protocol

    @property
    def label(self) -> str:
        """The labels as text."""
        return ", ".join(self.labels)


@dataclass
class ComparisonRow:
    """The comparable values of one metric."""

    labels: tuple[str, ...]
    metric: str
    protocol: str
    better: Literal["lower", "higher"] | None
    values: dict[str, float | None] = field(default_factory=dict)  # by run; None if the metric was refused
    steps: dict[str, int] = field(default_factory=dict)  # by run: the step of its weights
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)  # of confidence, by run, if it has one
    weights_note: str = ""  # which weights the values are of, if a run with a value has pictures of others

    @property
    def label(self) -> str:
        """The labels as text."""
        return ", ".join(self.labels)


def joint_labels(of_runs: Iterable[Collection[MetricProtocol]]) -> dict[MetricProtocol, tuple[str, ...]]:
    """Return all labels of each number that runs call by different ones; `of_runs` has the numbers of each run.

    A number that one run has under several labels has no joint ones, since nothing says which of them is meant.
    """
    found: dict[MetricProtocol, list[list[str]]] = {}
    for numbers in of_runs:
        own: dict[MetricProtocol, list[str]] = {}
        for number in dict.fromkeys(numbers):
            own.setdefault(replace(number, labels=()), []).append(number.label)
        for bare, labels in own.items():
            found.setdefault(bare, []).append(labels)
    joint: dict[MetricProtocol, tuple[str, ...]] = {}
    for bare, of_each in found.items():
        together = tuple(dict.fromkeys(label for labels in of_each for label in labels))
        if len(together) > 1 and all(len(labels) == 1 for labels in of_each):
            joint |= {replace(bare, labels=(label,)): together for label in together}
    return joint


def own_parts(row: ComparisonRow, others: Iterable[ComparisonRow]) -> list[str]:
    """Return the parts of the protocol of a row that not all of some other rows have."""
    of_others = [other.protocol.split(", ") for other in others]
    return [part for part in row.protocol.split(", ") if any(part not in parts for parts in of_others)]


def remarks_on_protocols(rows: Sequence[ComparisonRow]) -> list[str]:
    """Return which labels have rows of different protocols, and what distinguishes these; once for labels alike."""
    labels: dict[str, list[str]] = {}
    for label in dict.fromkeys(label for row in rows for label in row.labels):
        alike = [row for row in rows if label in row.labels]
        if len({(row.metric, row.protocol) for row in alike}) > 1:
            ways = dict.fromkeys(", ".join(own_parts(row, alike)) or f"metric {row.metric}" for row in alike)
            shown = "; ".join(shorten(way, WAY_CHARACTERS, placeholder=" …") for way in ways)
            labels.setdefault(shown, []).append(f'"{label}"')
    return [
        f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} rows of different protocols, not comparable with "
        f"each other: {ways}."
        for ways, names in labels.items()
    ]
