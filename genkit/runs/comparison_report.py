"""Report of a comparison of runs: tables on the terminal, and a picture of the curves of all runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import Any

from genkit.console.output import Console
from genkit.draw.panels import Panel, Section, save_curve_panels
from genkit.recipe.values import in_toml
from genkit.runs.compare import Comparison, ComparisonRow, MetricProtocol
from genkit.runs.compared_run import ComparedRun
from genkit.runs.curves import ARROWS, Curves, curves_of, evaluation_panels, is_schedule

NO_VALUE = "–"
SUFFIX_CHARACTERS = 60  # at most, of the part of a panel's title that distinguishes it from panels of the same metric


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the progress of the runs, the keys that differ, the metrics with their protocols, and remarks."""
    names = comparison.names
    totals = dict.fromkeys(key for run in comparison.runs for key in run.totals)
    progress = [["", *(run.progress for run in comparison.runs)]]
    if any(run.timing for run in comparison.runs):
        progress.append(["time and memory", *(str(run.timing) if run.timing else NO_VALUE for run in comparison.runs)])
    progress += [[key, *(_total(run, key) for run in comparison.runs)] for key in totals]
    console.table("training", ("", *names), progress, repeat=1)

    differences = [[key, *map(_value, row)] for key, row in comparison.differences.items()]
    console.table("recipes: keys that differ", ("key", *names), differences, repeat=1)
    if not differences:
        console.print("The recipes are the same.\n")

    metrics = [
        [row.label + ARROWS[row.better], *(_metric(row, run) for run in comparison.runs), row.protocol]
        for row in comparison.rows
    ]
    console.table("metrics", ("metric", *names, "protocol"), metrics, below=True, repeat=1)
    for remark in comparison.remarks:
        console.print(remark)


def save_comparison(path: Path, comparison: Comparison) -> None:
    """Write the curves of all runs as PNG: one panel for each term, one colour for each run. Raises `OSError`."""
    panels = _term_panels({run.name: curves_of(run.lines) for run in comparison.runs})
    sections = [
        Section("evaluations: each panel has comparable values only", _evaluation_panels(comparison)),
        Section("terms of the losses, phase/term", [panel for panel in panels if not panel.exact]),
        Section("schedules", [panel for panel in panels if panel.exact]),
    ]
    save_curve_panels(path, sections, " against ".join(comparison.names), key=comparison.names)


def _term_panels(curves: Mapping[str, Curves]) -> list[Panel]:
    """Return one panel for each logged key, with the curves of all runs that have it: totals first, then as logged."""
    keys = dict.fromkeys(key for of_run in curves.values() for key in of_run)
    return [
        Panel(key, {name: of_run[key] for name, of_run in curves.items() if key in of_run}, exact=is_schedule(key))
        for key in sorted(keys, key=lambda key: not key.endswith("/total"))
    ]


def _evaluation_panels(comparison: Comparison) -> list[Panel]:
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


def _metric(row: ComparisonRow, run: ComparedRun) -> str:
    if run.name not in row.values:
        return NO_VALUE
    value = row.values[run.name]
    step = "" if run.folder.finished else f" (step {row.steps[run.name]})"
    return ("refused" if value is None else f"{value:.5g}") + step


def _total(run: ComparedRun, key: str) -> str:
    return f"{run.totals[key]:.4g}" if key in run.totals else NO_VALUE


def _value(value: Any) -> str:
    """Return a value as TOML writes it, a text without its quotation marks."""
    if value is None:
        return NO_VALUE
    return str(value) if isinstance(value, (str, float)) else in_toml(value)
