"""A comparison of runs, for a person: tables on the terminal, and their curves over each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import Any

from genkit.console.output import Console
from genkit.draw.panels import Panel, Section, save_sections
from genkit.runs.compare import ABSENT, Comparison, ComparisonRow, MetricProtocol
from genkit.runs.curves import ARROWS, curves_of, evaluation_panels, is_schedule

APART = 60  # characters of what tells two panels of one label apart


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print progress, differences and numbers, each with its protocol, and what to know before comparing."""
    names = comparison.names
    totals = dict.fromkeys(key for run in comparison.runs for key in run.totals)
    rows = [["", *(run.progress for run in comparison.runs)]]
    rows += [[key, *(_number(run.totals.get(key)) for run in comparison.runs)] for key in totals]
    console.table("training", ("", *names), rows)
    different = [[key, *map(_value, row)] for key, row in comparison.differences.items()]
    console.table("recipes: the keys that differ", ("key", *names), different)
    if not different:
        console.print("The recipes are the same.\n")
    numbers = [
        [row.label + ARROWS[row.better], *(_cell(row, name, comparison) for name in names), row.protocol]
        for row in comparison.rows
    ]
    console.table("numbers", ("metric", *names, "protocol"), numbers)
    for remark in comparison.remarks:
        console.print(remark)


def save_comparison(path: Path, comparison: Comparison) -> None:
    """Draw the curves of the runs over each other as PNG: a panel a term, a colour a run."""
    curves = {run.name: curves_of(run.lines) for run in comparison.runs}
    keys = sorted(dict.fromkeys(key for each in curves.values() for key in each), key=_order)
    panels = [
        Panel(key, {name: each[key] for name, each in curves.items() if key in each}, exact=is_schedule(key))
        for key in keys
    ]
    schedules = [panel for panel in panels if panel.exact]
    kinds = comparison.evaluations()
    evaluations = [
        replace(panel, title=panel.title + _apart(made, kinds))
        for made, runs in kinds.items()
        for panel in evaluation_panels(runs)
    ]
    sections = [
        Section("evaluations; only numbers made alike share a panel", evaluations),
        Section("terms of the losses, phase/term", [panel for panel in panels if panel not in schedules]),
        Section("schedules", schedules),
    ]
    save_sections(path, sections, " against ".join(comparison.names), key=comparison.names)


def _apart(made: MetricProtocol, kinds: Collection[MetricProtocol]) -> str:
    """Return what tells a number from others of its label that were made in unlike ways; empty where there are none."""
    others = [other for other in kinds if other.label == made.label and other != made]
    parts = [part for part in made.protocol.split(", ") if any(part not in o.protocol.split(", ") for o in others)]
    parts += ["its own data"] * any(other.data != made.data for other in others)
    return "  " + shorten(", ".join(parts), APART, placeholder=" …") if parts else ""


def _order(key: str) -> bool:
    return not key.endswith("/total")  # totals first, and otherwise as they were logged


def _cell(row: ComparisonRow, name: str, comparison: Comparison) -> str:
    if name not in row.values:
        return ABSENT
    value = row.values[name]
    unfinished = any(run.name == name and not run.folder.finished for run in comparison.runs)
    return ("refused" if value is None else f"{value:.5g}") + (f" (step {row.steps[name]})" if unfinished else "")


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4g}"


def _value(value: Any) -> str:
    return ABSENT if value is None else str(value)
