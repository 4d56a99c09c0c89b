"""Numbers with their protocols, for a person."""

from __future__ import annotations

from genkit.console.output import Console
from genkit.evaluation.evaluate import Result


def print_results(results: list[Result], console: Console) -> None:
    """Print a table: each number beside the protocol that made it."""
    rows = []
    for result in results:
        value = f"{result.value:.5g}" if result.value is not None else f"refused: {result.reason}"
        direction = "" if result.better is None else f"{result.better} is better"
        rows.append((result.label, value, direction, str(result.protocol)))
    console.table("results", ("metric", "value", "", "protocol"), rows)
