"""Callbacks, and what they see of a run."""

from genkit.core.callback import Callback, PlanView, RunView, StopTraining
from genkit.core.result import EvaluationRecord, Result

__all__ = [
    "Callback",
    "EvaluationRecord",
    "PlanView",
    "Result",
    "RunView",
    "StopTraining",
]
