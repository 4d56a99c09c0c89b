"""Curves of several runs, one panel for each logged key and for each comparable metric; one curve for each run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from textwrap import shorten

from genkit.draw.panels import Panel
from genkit.runs.compare import Comparison, MetricProtocol
from genkit.runs.curves import curves_of, evaluation_panels, is_schedule

SUFFIX_CHARACTERS = 60  # at most, of the part of a panel's title that distinguishes it from panels of the same metric


def term_panels(comparison: Comparison) -> list[Panel]:
    """Return one panel for each logged key, with the curves of all runs that have it: totals first, then as logged."""
    curves = {run.name: curves_of(run.lines) for run in comparison.runs}
    keys = dict.fromkeys(key for of_run in curves.values() for key in of_run)
    return [
        Panel(key, {name: of_run[key] for name, of_run in curves.items() if key in of_run}, exact=is_schedule(key))
        for key in sorted(keys, key=lambda key: not key.endswith("/total"))
    ]


def evaluation_panels_of(comparison: Comparison) -> list[Panel]:
    """Return the panels of the evaluations during training; only comparable values share a panel."""
    kinds = comparison.evaluations()
    return [
        replace(panel, title=panel.title + _title_suffix(protocol, kinds))
        for protocol, records in kinds.items()
        for panel in evaluation_panels(records)
    ]


def _title_suffix(protocol: MetricProtocol, kinds: Collection[MetricProtocol]) -> str:
    """Return what distinguishes a protocol from others of the same label; empty if there are no others."""
    others = [other for other in kinds if other.label == protocol.label and other != protocol]
    parts = [part for part in protocol.protocol.split(", ") if any(part not in o.protocol.split(", ") for o in others)]
    parts += [f"data of {protocol.data}"] * any(other.data != protocol.data for other in others)
    return "  " + shorten(", ".join(parts), SUFFIX_CHARACTERS, placeholder=" …") if parts else ""
