"""Charts of what only one run of a comparison logs, or logs on data of its own: grouped as on the page of that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genkit.core.result import EvaluationRecord
from genkit.draw.panels import Panel, Section
from genkit.pages.chart import Chart, Look
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_curves import shared_keys
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.report.report_charts import ChartGroup, CurveNumbers, chart_groups, curves_in_numbers, shown_sections


@dataclass(frozen=True)
class ChartsOfRun:
    """Charts of what no other run logs, or logs on the same data."""

    name: str  # of the run
    groups: Sequence[ChartGroup]
    numbers: Sequence[CurveNumbers]  # their curves: quantity, run, first, last, lowest, highest

    @property
    def charts(self) -> list[Chart]:
        """The charts in the order of the page."""
        return [chart for group in self.groups for chart in group.charts]


def sections_of_one_run(comparison: Comparison, run: ComparedRun) -> list[Section]:
    """Return the sections of what a run shares with no other, as its own page has them."""
    return shown_sections(_own_lines(comparison, run), _own_evaluations(comparison, run), run.recipe)


def charts_of_one_run(
    comparison: Comparison,
    run: ComparedRun,
    sections: Sequence[Section],
    starts: Mapping[str, float],
    look: Look,
    points: int,
    before: int,
) -> ChartsOfRun:
    """Return the charts of the sections of a run, each curve of at most so many points.

    `starts` are the steps after which its phases start, by label. A single curve has the look of the run.
    `before` is the number of charts that come before on the page.
    """
    groups = chart_groups(sections, starts, run.meanings, single=look, points=points)
    numbers = [
        CurveNumbers((curve.cells[0], run.name, *curve.cells[1:]), _moved(curve.place, before))
        for curve in curves_in_numbers(sections, _own_lines(comparison, run))
    ]
    return ChartsOfRun(run.name, groups, numbers)


def without_repeated(of_runs: Sequence[ChartsOfRun], said: Collection[str]) -> tuple[list[ChartsOfRun], list[str]]:
    """Return the charts without paragraphs that several of the runs have or that are `said` already, and the former."""
    counts = Counter(
        text for of_run in of_runs for text in dict.fromkeys(text for group in of_run.groups for text in group.about)
    )
    repeated = [text for text, count in counts.items() if count > 1 and text not in said]
    known = {*said, *repeated}
    shorter = [
        replace(
            of_run,
            groups=[
                replace(group, about=[text for text in group.about if text not in known]) for group in of_run.groups
            ],
        )
        for of_run in of_runs
    ]
    return shorter, repeated


def panels_of(sections: Sequence[Section]) -> list[Panel]:
    """Return all panels of some sections."""
    return [panel for section in sections for panel in section.panels]


def _own_lines(comparison: Comparison, run: ComparedRun) -> list[dict[str, Any]]:
    """Return the lines of the log of a run without the keys that it shares."""
    shared = shared_keys(comparison, run)
    return [{key: value for key, value in line.items() if key not in shared} for line in run.curve_lines]


def _own_evaluations(comparison: Comparison, run: ComparedRun) -> list[EvaluationRecord]:
    """Return the evaluations of a run that are comparable with those of no other run."""
    return [
        record
        for by_run in comparison.evaluations().values()
        if list(by_run) == [run.name]
        for record in by_run[run.name]
    ]


def _moved(place: str, before: int) -> str:
    """Return the place of a curve on a page on which so many charts come before: "3:1" with 2 is "5:1"."""
    if not place:
        return ""
    chart, curve = place.split(":")
    return f"{int(chart) + before}:{curve}"
