"""Charts of compared runs: the curves of all runs over each other, a chart for each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from genkit.draw.panels import Panel
from genkit.pages.chart import Chart, Look
from genkit.pages.line_chart import line_chart, points_of_each
from genkit.runs.compare import Comparison
from genkit.runs.compared_curves import evaluation_panels_of, term_panels
from genkit.runs.report_about import ABOUT_TOTAL, has_total
from genkit.runs.report_charts import CurveNumbers, numbers_of

NAMED_IN_CHARTS = 4  # runs; more are named once, above the charts


@dataclass(frozen=True)
class CurveGroup:
    """Charts under one heading, each with the curves of several runs."""

    heading: str
    charts: Sequence[Chart]

    @property
    def about(self) -> str:
        """What a reader has to know of the charts; empty for most."""
        return ABOUT_TOTAL if has_total(self.charts) else ""


@dataclass(frozen=True)
class ChartsOfRun:
    """Charts of what no other run logs, or logs on the same data."""

    name: str  # of the run
    charts: Sequence[Chart]


@dataclass(frozen=True)
class ComparedCharts:
    """All charts of a comparison: those of several runs, then those of single runs; and their curves in numbers."""

    groups: Sequence[CurveGroup]
    of_one_run: Sequence[ChartsOfRun]
    named: bool  # whether each chart of several runs names them; else they are named once, above the charts
    numbers: Sequence[CurveNumbers]  # quantity, run, first, last, lowest and highest value
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
    shown = [panel for panels in sections.values() for panel in panels]
    shared = {heading: [panel for panel in panels if len(panel.curves) > 1] for heading, panels in sections.items()}
    alone = {name: [panel for panel in shown if list(panel.curves) == [name]] for name in looks}
    points = points_of_each(sum(len(panel.curves) for panel in shown))

    def charts(panels: Sequence[Panel], named: bool) -> list[Chart]:
        made = [
            line_chart(each.title, each.curves, best=each.best, dots=each.sparse, looks=looks, points=points)
            for each in panels
        ]
        return made if named else [replace(chart, legend=()) for chart in made]

    named = len(looks) <= NAMED_IN_CHARTS
    return ComparedCharts(
        [CurveGroup(heading, charts(panels, named)) for heading, panels in shared.items() if panels],
        [ChartsOfRun(name, charts(panels, named=False)) for name, panels in alone.items() if panels],
        named,
        _in_numbers(
            [*evaluations, *terms], [each for panels in (*shared.values(), *alone.values()) for each in panels]
        ),
        [panel.title for panel in same],
    )


def _in_numbers(panels: Sequence[Panel], drawn: Sequence[Panel]) -> list[CurveNumbers]:
    """Return each curve of `panels` in numbers, for readers of text. `drawn` are those with a chart, in their order."""
    places = {
        (panel.sparse, panel.title, name): f"{chart}:{curve}"
        for chart, panel in enumerate(drawn)
        for curve, name in enumerate(panel.curves)
    }
    return [
        CurveNumbers((panel.title, name, *numbers_of(curve)), places.get((panel.sparse, panel.title, name), ""))
        for panel in panels
        for name, curve in panel.curves.items()
    ]
