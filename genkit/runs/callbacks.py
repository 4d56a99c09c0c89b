"""Callbacks of a run: progress bars, and trackers such as TensorBoard.

Attach a callback with `genkit.train(recipe, callbacks=[callback])`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from genkit.evaluation.compute_metrics import Result


class RunCallback(Protocol):
    """An object that is called while a run trains, on every process. It must not change the run."""

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Take a completed step, and its line of metrics.jsonl if the step is logged."""
        ...

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Take the metrics of the model after a step."""
        ...
