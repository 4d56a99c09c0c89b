"""Curves of several runs, a panel for each comparable quantity; one curve for each run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from textwrap import shorten

from genkit.draw.panels import Curve, Panel
from genkit.runs.compare import Comparison, MetricProtocol
from genkit.runs.compared_data import data_titles
from genkit.runs.curves import curves_of, evaluation_panels, is_schedule

SUFFIX_CHARACTERS = 60  # at most, of the part of a panel's title that distinguishes it from panels of the same metric


def term_panels(comparison: Comparison) -> list[Panel]:
    """Return one panel for each logged key, with the curves of all runs that have it: totals first, then as logged.

    Runs that train on different data have panels of their own, but for schedules, which do not depend on data.
    """
    curves = {run.name: curves_of(run.lines) for run in comparison.runs}
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
    others = [other for other in kinds if other.label == protocol.label and other != protocol]
    parts = [part for part in protocol.protocol.split(", ") if any(part not in o.protocol.split(", ") for o in others)]
    parts += [titles[protocol.data]] * any(other.data != protocol.data for other in others)
    return ": " + shorten(", ".join(parts), SUFFIX_CHARACTERS, placeholder=" …") if parts else ""
