"""The charts of a report: the logged terms, the schedules and the evaluations of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from genkit.core.result import EvaluationRecord
from genkit.draw.panels import Panel, Section
from genkit.pages.chart import Chart, Look, look_of, value_text
from genkit.pages.line_chart import line_chart, points_of_each
from genkit.runs.report.curves import curves_of, sections_of
from genkit.runs.report.report_about import EVALUATIONS, KL, about_charts, has_prefix

NOT_FINITE = "not finite"  # as the script of the charts says it
KL_HEADING = "KL divergences and related terms, by phase"


@dataclass(frozen=True)
class ChartGroup:
    """Charts under one heading, with paragraphs on what they mean."""

    heading: str
    charts: Sequence[Chart]
    about: Sequence[str] = ()


class CurveNumbers(NamedTuple):
    """One curve in numbers, for a reader without charts, and where the charts have it."""

    cells: Sequence[str]  # its key in the log, or the metric; its first, last, lowest and highest value
    place: str  # "3:1" is the second curve of the fourth chart of the page; empty if no chart has it


def shown_sections(
    lines: Sequence[Mapping[str, Any]], evaluations: Sequence[EvaluationRecord], recipe: Mapping[str, Any]
) -> list[Section]:
    """Return the sections of charts of a run that have any, in the order of the page.

    The schedules of the loss are the terms that are named as a key of its table. `lines` are those of metrics.jsonl.
    """
    loss = recipe.get("loss", {})
    sections = sections_of(lines, evaluations, loss.keys() if isinstance(loss, Mapping) else ())
    shown = [replace(each, panels=[panel for panel in each.panels if _is_curve(panel)]) for each in sections]
    in_order = sorted(shown, key=lambda each: each.heading != EVALUATIONS)  # what matters most comes first
    return [section for section in in_order if section.panels]


def _is_curve(panel: Panel) -> bool:
    return not panel.sparse or max(map(len, panel.curves.values())) > 1  # one evaluation is none


def chart_groups(
    sections: Sequence[Section],
    starts: Mapping[str, float],
    meanings: Mapping[str, str] = MappingProxyType({}),
    *,
    single: Look | None = None,
    points: int | None = None,
) -> list[ChartGroup]:
    """Return the charts of sections, all over the steps, with the `starts` of phases, by label.

    `meanings` say what terms and schedules are, by name; `single` is the look of a curve that is alone in its chart.
    Curves have `points` at most, or as many as such a page has room for.
    """
    points = points or points_of_each(sum(len(panel.curves) for section in sections for panel in section.panels))
    groups = []
    for section in sections:
        looks = _looks_of_names(section.panels)
        charts = [
            line_chart(
                panel.title,
                panel.curves,
                marks=starts,
                best=panel.best,
                dots=panel.sparse,
                looks=looks if len(panel.curves) > 1 else single and dict.fromkeys(panel.curves, single),
                points=points,
                jumps=panel.exact,
                logarithmic=panel.is_logarithmic,
            )
            for panel in section.panels
        ]
        charts = [replace(chart, legend=chart.legend if len(chart.legend) > 1 else ()) for chart in charts]
        groups.append(_group(section.heading, charts, meanings))
    return groups


def _looks_of_names(panels: Sequence[Panel]) -> dict[str, Look]:
    """Return a look for each name of a curve, which is the same in all panels that have several curves."""
    names = dict.fromkeys(name or panel.title for panel in panels if len(panel.curves) > 1 for name in panel.curves)
    return {name: look_of(number) for number, name in enumerate(names)}


def curves_in_numbers(sections: Sequence[Section], lines: Sequence[Mapping[str, Any]]) -> list[CurveNumbers]:
    """Return the curves of the evaluations in sections, and those of each logged key, in numbers."""
    places: dict[tuple[tuple[int, float], ...], str] = {}
    panels = [panel for section in sections for panel in section.panels]
    for chart, panel in enumerate(panels):
        for number, curve in enumerate(panel.curves.values()):
            places.setdefault(tuple(curve), f"{chart}:{number}")
    evaluated = {panel.title: curve for panel in panels if panel.sparse for curve in panel.curves.values()}
    return [
        CurveNumbers(
            (name, *numbers_of(curve)), places.get(tuple(curve), "")
        )  # equal curves have the same values anywhere
        for name, curve in (*evaluated.items(), *curves_of(lines).items())
    ]


def _group(heading: str, charts: Sequence[Chart], meanings: Mapping[str, str]) -> ChartGroup:
    """Return charts with a heading that says what they are, and what a reader has to know of them."""
    shown = KL_HEADING if has_prefix(charts, KL) else _capitalised(heading)
    return ChartGroup(shown, charts, about_charts(heading, charts, meanings))


def numbers_of(curve: Iterable[tuple[int, float]]) -> tuple[str, str, str, str]:
    """Return the first and the last value of a curve, and the lowest and the highest finite one, as text."""
    values = [value for _, value in curve]
    finite = [value for value in values if math.isfinite(value)] or [math.nan]
    chosen = (values[0], values[-1], min(finite), max(finite)) if values else (math.nan,) * 4
    first, last, lowest, highest = (value_text(value) if math.isfinite(value) else NOT_FINITE for value in chosen)
    return first, last, lowest, highest


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
