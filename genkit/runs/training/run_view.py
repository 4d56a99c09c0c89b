"""The run as callbacks see it: they can read it, and change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from genkit.core.global_generators import restored_generators
from genkit.core.model import Model
from genkit.core.result import EvaluationRecord
from genkit.recipe.plan import Plan
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.live_run import LiveRun
from genkit.storage.weights import NO_EMA_WEIGHTS


class OpenRun:
    """A `genkit.core.callback.RunView` of a run that trains in this process."""

    def __init__(self, run: LiveRun):
        self._run = run

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return self._run.plan

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._run.folder.path

    @property
    def step(self) -> int:
        """Number of completed steps."""
        return self._run.state.step

    def lines(self) -> Sequence[Mapping[str, float]]:
        """Return the lines of metrics.jsonl. Raises `UsageError`."""
        return self._run.folder.lines()

    def evaluations(self) -> Sequence[EvaluationRecord]:
        """Return the lines of evaluations.jsonl. Raises `UsageError`."""
        return evaluations_of(self._run.folder)

    def model(self, weights: Literal["raw", "ema"] | None = None) -> Model:
        """Return a copy of the model, in evaluation mode. Raises `ValueError` for EMA weights that do not exist."""
        run = self._run
        if weights == "ema" and run.state.average is None:
            raise ValueError(NO_EMA_WEIGHTS)
        with restored_generators():
            model = run.plan.build_model()  # a copy of the network would keep the forward of mixed precision
        model.class_facts = run.plan.class_facts
        model.to(run.world.device, run.world.dtype)
        model.load_state_dict(run.state.weights(weights or run.shown_weights).state_dict())
        return model.requires_grad_(False).eval()
