"""Callbacks of a run: progress bars, and trackers such as TensorBoard.

Attach a callback with `genkit.train(recipe, callbacks=[callback])`. The trackers that a recipe names in ``[track]`` are
callbacks, too (`genkit.runs.trackers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from genkit.core.result import Result


class RunCallback(Protocol):
    """An object that is called while a run trains, on every process. It must not change the run.

    A subclass implements the methods that it needs; the others do nothing.
    """

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Take a completed step, and its line of metrics.jsonl if the step is logged."""

    def drawn(self, step: int, pictures: Sequence[Path]) -> None:
        """Take the pictures of the model after a step. Only the main process draws; the others get none."""

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Take the metrics of ``[evaluate]`` after a step."""

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Take all metrics of the recipe after the last step."""
