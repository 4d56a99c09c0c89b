"""Printed numbers, and below them how each is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from genkit.console.output import Console
from genkit.core.result import Result
from genkit.evaluation.protocol_lines import ProtocolLine, protocol_lines, weights_note


def print_results(results: Sequence[Result], shown: str, console: Console) -> None:
    """Print a table with a row per number, its value or the reason of a refusal; and then the protocols.

    `shown` are the weights that pictures of the model are of, "raw" or "ema". Numbers of other weights say so.
    """
    rows = []
    for result, mode in zip(results, _modes(results), strict=True):
        value = f"{result.value:.5g}" if result.value is not None else f"refused: {result.reason}"
        if result.interval is not None:
            value += " ({:.4g} to {:.4g})".format(*result.interval)
        direction = "" if result.better is None else f"{result.better} is better"
        name = f"{result.label} in {mode}" if mode else result.label
        rows.append((name, value, weights_note(result.protocol.weights, shown), direction))
    noted = any(note for _, _, note, _ in rows)
    shown_rows = rows if noted else [(name, value, direction) for name, value, _, direction in rows]
    console.table("results", ("metric", "value", "", "") if noted else ("metric", "value", ""), shown_rows)
    print_protocols(protocols_of(results), console)


def print_protocols(lines: Sequence[ProtocolLine], console: Console) -> None:
    """Print how numbers are made: what several share once, and then what differs."""
    console.texts("how each number is made", ("numbers", "protocol"), lines)


def protocols_of(results: Sequence[Result]) -> list[ProtocolLine]:
    """Return how the results of one evaluation are made; what several share is said once."""
    numbers = zip(results, _modes(results), strict=True)
    settings = {(result.label, mode): result.protocol.settings for result, mode in numbers}
    return protocol_lines(settings, str)


def _modes(results: Sequence[Result]) -> list[str]:
    """Return what tells results of one label apart, the mode of batch norm; "" for a label that occurs once."""
    named = Counter(result.label for result in results)
    return [f"mode {result.protocol.batch_norm}" if named[result.label] > 1 else "" for result in results]
