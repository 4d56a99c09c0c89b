"""Charts of compared runs: the curves of all runs over each other, a chart for each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from genkit.pages.chart import Chart, Look
from genkit.pages.line_chart import line_chart, points_of_each
from genkit.runs.compare import Comparison
from genkit.runs.compared_curves import evaluation_panels_of, term_panels
from genkit.runs.report_charts import numbers_of

NAMED_IN_CHARTS = 4  # runs; more are named once, above the charts


@dataclass(frozen=True)
class CurveGroup:
    """Charts under one heading, each with the curves of several runs."""

    heading: str
    charts: Sequence[Chart]


@dataclass(frozen=True)
class ChartsOfRun:
    """Charts of what no other run logs, or logs on the same data."""

    name: str  # of the run
    charts: Sequence[Chart]


@dataclass(frozen=True)
class ComparedCharts:
    """All charts of a comparison: those of several runs, then those of single runs."""

    groups: Sequence[CurveGroup]
    of_one_run: Sequence[ChartsOfRun]
    same_schedules: Sequence[str]  # keys of schedules that are the same in all runs, which have no chart


def charts_of_comparison(comparison: Comparison, looks: Mapping[str, Look]) -> ComparedCharts:
    """Return the charts of evaluations, terms and schedules. `looks` are those of the runs, by name."""
    terms = term_panels(comparison)
    evaluations = [
        panel for panel in evaluation_panels_of(comparison) if max(map(len, panel.curves.values())) > 1
    ]  # one evaluation is no curve
    same = [
        panel
        for panel in terms
        if panel.exact and len(panel.curves) == len(looks) and len({tuple(c) for c in panel.curves.values()}) == 1
    ]
    sections = {
        "Evaluations during training": evaluations,
        "Terms of the losses": [panel for panel in terms if not panel.exact],
        "Schedules": [panel for panel in terms if panel.exact and panel not in same],
    }
    points = points_of_each(sum(len(panel.curves) for panels in sections.values() for panel in panels))
    groups = []
    alone: dict[str, list[Chart]] = {name: [] for name in looks}
    for heading, panels in sections.items():
        shared = []
        for panel in panels:
            chart = line_chart(
                panel.title, panel.curves, best=panel.best, dots=panel.sparse, looks=looks, points=points
            )
            first, *others = panel.curves
            if not others:
                alone[first].append(replace(chart, legend=()))  # the run is named above its charts
            else:
                shared.append(replace(chart, legend=()) if len(looks) > NAMED_IN_CHARTS else chart)
        if shared:
            groups.append(CurveGroup(heading, shared))
    of_one_run = [ChartsOfRun(name, charts) for name, charts in alone.items() if charts]
    return ComparedCharts(groups, of_one_run, [panel.title for panel in same])


def curves_in_numbers(comparison: Comparison) -> list[Sequence[str]]:
    """Return each logged quantity of each run with its first, last, lowest and highest value, for readers of text."""
    return [
        (panel.title, name, *numbers_of(curve))
        for panel in term_panels(comparison)
        for name, curve in panel.curves.items()
    ]
