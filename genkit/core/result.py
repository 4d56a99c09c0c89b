"""Results of metrics: the value of one with its protocol, and those of one evaluation during training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from genkit.core.estimate import without_equal_ends
from genkit.core.metric import EvaluationProtocol


@dataclass(frozen=True)
class Result:
    """Value of a metric, with the protocol that made it."""

    label: str
    value: float | None
    """The value; None if the metric has none, and `reason` says why."""
    better: Literal["lower", "higher"] | None
    """Direction of better values; None if neither is better."""
    protocol: EvaluationProtocol
    reason: str = ""
    interval: tuple[float, float] | None = None
    """Confidence interval, if the metric gives one."""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as values that JSON can store."""
        facts = asdict(self)
        if self.interval is None:  # as before results had intervals
            del facts["interval"]
        return facts

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Result:
        """Return the result that `as_dict` returned. Raises `ValueError` for anything else.

        An interval with equal ends, which older versions stored, is left out.
        """
        try:
            result = _adapter().validate_json(json.dumps(facts), strict=True)
            return replace(result, interval=without_equal_ends(result.interval))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


@cache
def _adapter() -> TypeAdapter[Result]:
    """Return what checks the facts of a result. To make it takes milliseconds, and a table has thousands of results."""
    return TypeAdapter(Result)


@dataclass(frozen=True)
class EvaluationRecord:
    """The results of one evaluation during training."""

    step: int
    results: Sequence[Result]

    def value(self, label: str) -> float | None:
        """Return the value of a metric; None if it was refused or not evaluated."""
        return next((result.value for result in self.results if result.label == label), None)

    def as_line(self) -> dict[str, Any]:
        """Return the line of evaluations.jsonl: each value with its protocol."""
        return {"step": self.step, "results": [result.as_dict() for result in self.results]}
