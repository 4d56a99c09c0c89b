"""Printed numbers, each with its protocol."""

from __future__ import annotations

from genkit.console.output import Console
from genkit.core.result import Result


def print_results(results: list[Result], console: Console) -> None:
    """Print a table with a row per number: its metric, its value or the reason of a refusal, and its protocol."""
    rows = []
    for result in results:
        value = f"{result.value:.5g}" if result.value is not None else f"refused: {result.reason}"
        if result.interval is not None:
            value += " ({:.4g} to {:.4g})".format(*result.interval)
        direction = "" if result.better is None else f"{result.better} is better"
        rows.append((result.label, value, direction, str(result.protocol)))
    console.table("results", ("metric", "value", "", "protocol"), rows, below=True)
