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
    """Charts under one heading."""

    heading: str
    charts: Sequence[Chart]
    of_one_run: Sequence[Chart] = ()  # with a curve of one run only, if other charts have several


def charts_of_comparison(comparison: Comparison, looks: Mapping[str, Look]) -> tuple[list[CurveGroup], list[str]]:
    """Return the charts of evaluations, terms and schedules, and the schedules that are the same in all runs.

    `looks` are those of the runs, by name.
    """
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
    for heading, panels in sections.items():
        charts: dict[bool, list[Chart]] = {True: [], False: []}
        for panel in panels:
            chart = line_chart(
                panel.title, panel.curves, best=panel.best, dots=panel.sparse, looks=looks, points=points
            )
            short = replace(chart, legend=()) if len(looks) > NAMED_IN_CHARTS else chart
            charts[len(panel.curves) > 1].append(short)
        if charts[True]:
            groups.append(CurveGroup(heading, charts[True], charts[False]))
        elif charts[False]:
            groups.append(CurveGroup(heading, charts[False]))
    return groups, [panel.title for panel in same]


def curves_in_numbers(comparison: Comparison) -> list[Sequence[str]]:
    """Return each logged quantity of each run with its first, last, lowest and highest value, for readers of text."""
    return [
        (panel.title, name, *numbers_of(curve))
        for panel in term_panels(comparison)
        for name, curve in panel.curves.items()
    ]
