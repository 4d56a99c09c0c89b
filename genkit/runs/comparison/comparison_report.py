"""Report of a comparison of runs: tables on the terminal, and a picture of the curves of all runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from genkit.console.output import Console
from genkit.draw.panels import Section, save_curve_panels
from genkit.evaluation.protocol_lines import ProtocolLine, protocol_lines
from genkit.recipe.binding.values import in_toml
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_curves import evaluation_panels_of, term_panels
from genkit.runs.comparison.compared_metrics import ComparisonRow
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.comparison.standing import Standing, printed
from genkit.runs.report.curves import ARROWS
from genkit.runs.results_report import print_protocols

NO_VALUE = "–"


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the progress of the runs, the keys that differ, the metrics, their protocols, and remarks."""
    names = comparison.names
    totals = dict.fromkeys(key for run in comparison.runs for key in run.totals)
    progress = [["", *(run.progress for run in comparison.runs)]]
    if any(run.timing for run in comparison.runs):
        progress.append(["time and memory", *(str(run.timing) if run.timing else NO_VALUE for run in comparison.runs)])
    progress += [[key, *(total_of(run, key) for run in comparison.runs)] for key in totals]
    console.table("training", ("", *names), progress, repeat=1)

    differences = [[key, *map(value_of_key, row)] for key, row in comparison.differences.items()]
    console.table("recipes: keys that differ", ("key", *names), differences, repeat=1)
    if not differences:
        console.print("The recipes are the same.\n")

    metrics = [
        [
            ", ".join(filter(None, (row.label + ARROWS[row.better], row.weights_note))),
            *(value_of_metric(row, run) + _mark(row, run) for run in comparison.runs),
        ]
        for row in comparison.rows
    ]
    console.table("metrics", ("metric", *names), metrics, repeat=1)
    print_protocols(protocols_of_comparison(comparison), console)
    for remark in comparison.remarks:
        console.prose(remark, "remark: ")


def save_comparison(path: Path, comparison: Comparison) -> None:
    """Write the curves of all runs as PNG: one panel for each term, one colour for each run. Raises `OSError`."""
    panels = term_panels(comparison)
    sections = [
        Section("evaluations: each panel has comparable values only", evaluation_panels_of(comparison)),
        Section("terms of the losses, phase/term", [panel for panel in panels if not panel.exact]),
        Section("schedules", [panel for panel in panels if panel.exact]),
    ]
    save_curve_panels(path, sections, " against ".join(comparison.names), key=comparison.names)


def protocols_of_comparison(comparison: Comparison) -> list[ProtocolLine]:
    """Return how the values are made; a line for some runs only names them."""
    named = Counter(label for label, _ in {(label, row.metric) for row in comparison.rows for label in row.labels})
    settings = {}
    for run in comparison.runs:
        for result in run.results:
            made = result.protocol.comparable.settings
            if named[result.label] > 1:  # the name of different metrics
                made = {"metric": f"metric {run.metric_of(result.label)}", **made}
            settings[result.label, run.name] = made
    return protocol_lines(settings, str)


def value_of_metric(row: ComparisonRow, run: ComparedRun) -> str:
    """Return the value of a run in a row, with its step if the run has not finished."""
    if run.name not in row.values:
        return NO_VALUE
    value = row.values[run.name]
    step = "" if run.folder.finished else f" (step {row.steps[run.name]})"
    return ("refused" if value is None else printed(value)) + step


def _mark(row: ComparisonRow, run: ComparedRun) -> str:
    """Return the mark of a value that no page of the comparison lets lead."""
    return f" ({Standing.COLLAPSED})" if run.collapsed and row.values.get(run.name) is not None else ""


def total_of(run: ComparedRun, key: str) -> str:
    """Return the newest total of a phase."""
    return f"{run.totals[key]:.4g}" if key in run.totals else NO_VALUE


def value_of_key(value: Any) -> str:
    """Return a value of a recipe as TOML writes it, a text without its quotation marks."""
    if value is None:
        return NO_VALUE
    return str(value) if isinstance(value, (str, float)) else in_toml(value)
