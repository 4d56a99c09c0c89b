"""Messages of genkit.evaluation, compared with tests/golden/evaluation.txt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from support.tiny_parts import Numbered, TinyAutoencoder
from torch import Tensor

from genkit.api import EvaluationProtocol
from genkit.core.dataset import Samples
from genkit.errors import UsageError
from genkit.evaluation.batch_norm import complete_protocol, recalibrated_statistics
from genkit.evaluation.compute_metrics import evaluate
from genkit.evaluation.data_fingerprint import check_data_fingerprint, data_fingerprint
from genkit.evaluation.draws import subset
from genkit.evaluation.samples import describe_samples


@dataclass(frozen=True)
class Pictures:
    """Forty grey images, half of them held out; `shift` changes the pixels."""

    split: str = "train"
    size: int | None = 20
    shift: float = 0.0
    shape: tuple[int, ...] = (1, 2, 2)

    def unmet(self) -> tuple[str, ...]:
        return ()

    def held_out(self) -> Pictures:
        return Pictures("test", self.size, self.shift)

    def batch(self, indices: Tensor, noise: Any) -> Samples:
        level = indices.float() / 40 + self.shift
        return Samples(level.reshape(-1, 1, 1, 1).expand(-1, *self.shape))


@dataclass(frozen=True)
class Returns:
    """Metric that returns a value, or raises it if it is an exception."""

    value: Any
    better = None

    def protocol(self, data: Any, model: Any) -> EvaluationProtocol:
        return EvaluationProtocol(10, "test", "raw")

    def compute(self, evaluation: Any) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises((UsageError, ValueError)) as error:
        call()
    return str(error.value)


def reason_of(value: Any) -> str:
    (result,) = evaluate({"x": Returns(value)}, Numbered(), lambda weights: TinyAutoencoder(data_shape=(2,)), 0)
    assert result.value is None
    return result.reason.replace(f"{Returns.__module__}.", "")


def test_messages(tmp_path, golden) -> None:
    saved, model = data_fingerprint(Pictures()), TinyAutoencoder(data_shape=(2,))
    messages = {
        "Other training samples": message_of(lambda: check_data_fingerprint(saved, Pictures(shift=0.1), "REMEDY")),
        "More training samples": message_of(lambda: check_data_fingerprint(saved, Pictures(size=1054), "REMEDY")),
        "Other held-out samples": message_of(
            lambda: check_data_fingerprint({"held_out": saved["held_out"]}, Pictures(shift=0.1), "REMEDY")
        ),
        "A mode of a model without batch norm": message_of(
            lambda: complete_protocol(EvaluationProtocol(10, "test", "raw", "batch"), model, Numbered(), 10)
        ),
        "Too few samples to recalibrate": message_of(lambda: recalibrated_statistics(model, Numbered(), 0)),
        "Too few samples for a metric": message_of(lambda: subset(Numbered(), 41)),
        "A metric without a finite value": reason_of(math.nan),
        "A metric that returns no number": reason_of(None),
        "A metric that returns several numbers": reason_of(torch.zeros(2, 3)),
        "A metric with a bug": reason_of(KeyError("oops")).replace(f"line {_line_of_raise()}", "line N"),
        "Samples, in a note": f"32 {describe_samples(32, Pictures('test'))}",
        "Samples of a density, in a note": f"1 {describe_samples(1, Pictures(size=None))}",
    }
    golden("evaluation", "\n".join(f"{case}:\n    {message}" for case, message in messages.items()) + "\n")


def _line_of_raise() -> int:
    return Returns.compute.__code__.co_firstlineno + 2
