"""Numbers of metrics in a comparison: which of them are comparable, and under which label."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal


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
