"""Curves of several runs, a panel for each comparable quantity; one curve for each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from textwrap import shorten
from typing import Any

from genkit.draw.panels import Curve, Panel, Section
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_data import data_titles
from genkit.runs.comparison.compared_metrics import MetricProtocol
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.report.curves import curves_of, evaluation_panels, is_schedule
from genkit.runs.report.report_about import KL
from genkit.runs.report.report_charts import KL_HEADING

SUFFIX_CHARACTERS = 60  # at most, of the part of a panel's title that distinguishes it from panels of the same metric


def term_panels(comparison: Comparison) -> list[Panel]:
    """Return one panel for each logged key, with the curves of all runs that have it: totals first, then as logged.

    Runs that train on different data have panels of their own, but for schedules, which do not depend on data.
    """
    curves = {run.name: curves_of(run.curve_lines) for run in comparison.runs}
    data = {run.name: comparison.data_of(run, "train") for run in comparison.runs}
    titles = data_titles(comparison, set(data.values()))
    keys = dict.fromkeys(key for of_run in curves.values() for key in of_run)
    return [
        panel
        for key in sorted(keys, key=lambda key: not key.endswith("/total"))
        for panel in _panels_of_key(
            key, {name: of_run[key] for name, of_run in curves.items() if key in of_run}, data, titles
        )
    ]


def shared_keys(comparison: Comparison, run: ComparedRun) -> set[str]:
    """Return the logged keys of a run that share a panel with another run."""
    data = {each.name: comparison.data_of(each, "train") for each in comparison.runs}
    own = curves_of(run.curve_lines)
    return {
        key
        for other in comparison.runs
        if other is not run
        for key in curves_of(other.curve_lines)
        if key in own and (is_schedule(key) or data[other.name] == data[run.name])
    }


def merged(panels: Sequence[Panel]) -> list[Panel]:
    """Return the panels; those whose curves are equal share one, which has all titles."""
    equal: dict[tuple[Any, ...], list[Panel]] = {}
    for panel in panels:
        curves = tuple((name, tuple(curve)) for name, curve in panel.curves.items())
        equal.setdefault((panel.exact, curves), []).append(panel)
    return [replace(alike[0], title=", ".join(panel.title for panel in alike)) for alike in equal.values()]


def sections_of_terms(panels: Sequence[Panel]) -> list[Section]:
    """Return the panels of terms in sections, as on the page of a run: those with a common prefix, and the others."""
    prefixes = Counter(_prefix(panel) for panel in panels)
    common = [panel for panel in panels if _prefix(panel)[1] and prefixes[_prefix(panel)] > 1]
    names = {prefix for _, prefix in map(_prefix, common)}
    joint = [panel for panel in panels if _prefix(panel)[1] in names or panel.title.partition("/")[2] in names]
    return [
        Section(KL_HEADING if KL in names else "Terms with a common prefix, by phase", merged(joint)),
        Section("Terms of the losses", merged([panel for panel in panels if panel not in joint])),
    ]


def _prefix(panel: Panel) -> tuple[str, str]:
    """Return the phase of a term and its name up to the last underscore, which is empty without one."""
    phase, _, name = panel.title.partition(": ")[0].partition("/")
    return phase, name.rpartition("_")[0]


def _panels_of_key(
    key: str, curves: Mapping[str, Curve], data: Mapping[str, str], titles: Mapping[str, str]
) -> list[Panel]:
    if is_schedule(key):
        return [Panel(key, curves, exact=True)]
    sets = dict.fromkeys(data[name] for name in curves)
    return [
        Panel(
            key + (f": {titles[each]}" if len(sets) > 1 else ""),
            {name: curve for name, curve in curves.items() if data[name] == each},
        )
        for each in sets
    ]


def evaluation_panels_of(comparison: Comparison) -> list[Panel]:
    """Return the panels of the evaluations during training; only comparable values share a panel."""
    kinds = comparison.evaluations()
    titles = data_titles(comparison, {protocol.data for protocol in kinds})
    return [
        replace(panel, title=panel.title + _title_suffix(protocol, kinds, titles))
        for protocol, records in kinds.items()
        for panel in evaluation_panels(records)
    ]


def _title_suffix(protocol: MetricProtocol, kinds: Collection[MetricProtocol], titles: Mapping[str, str]) -> str:
    """Return what distinguishes a protocol from others of the same label; empty if there are no others."""
    others = [other for other in kinds if {*other.labels} & {*protocol.labels} and other != protocol]
    parts = [part for part in protocol.protocol.split(", ") if any(part not in o.protocol.split(", ") for o in others)]
    parts += [titles[protocol.data]] * any(other.data != protocol.data for other in others)
    return ": " + shorten(", ".join(parts), SUFFIX_CHARACTERS, placeholder=" …") if parts else ""
