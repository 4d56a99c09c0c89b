"""Names of the data of compared runs, for titles where runs have different data."""

from __future__ import annotations

from collections.abc import Collection

from genkit.runs.comparison.compare import Comparison


def data_titles(comparison: Comparison, firsts: Collection[str]) -> dict[str, str]:
    """Return a name of each set of data: its `use`, such as ``digits``, and a run if several sets have the same `use`.

    `firsts` are the names of the first run that has each set, as `Comparison.data_of` returns them.
    """
    uses = {
        run.name: str(run.recipe.get("data", {}).get("use", "data")) for run in comparison.runs if run.name in firsts
    }
    several = {use for use in uses.values() if list(uses.values()).count(use) > 1} | {"data"}
    return {name: f"{use} of {name}" if use in several else use for name, use in uses.items()}
