"""The laws of metrics: each mutant, a metric with one mistake, breaks one."""

import random
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest
import torch

from genkit.api import EvaluationProtocol, ModelMetric
from genkit.testing import assert_metric_is_lawful


@dataclass(frozen=True)
class Shift(ModelMetric):
    """Distance of the means of generated and real samples, to a power."""

    samples: int = 64
    power: float = 1.0
    norm: Literal["l2", "l1"] = "l2"

    value_on_itself: ClassVar[float] = 0.0

    @property
    def better(self):
        return "lower"

    def protocol(self, data, model):
        details = {"power": self.power, "norm": self.norm}
        return EvaluationProtocol(
            self.samples, data.held_out().split, self.weights, self.batch_norm, details=self.details(details)
        )

    def details(self, details):
        return details

    def compute(self, evaluation):
        real, fake = torch.cat(list(evaluation.reference)), torch.cat(list(evaluation.generated))
        return (fake.mean(dim=0) - real.mean(dim=0)).norm(p=2 if self.norm == "l2" else 1).item() ** self.power


def test_a_lawful_metric_passes():
    assert_metric_is_lawful(Shift())
    assert_metric_is_lawful(Shift(power=2.0, norm="l1"))
    assert_metric_is_lawful(OnAScale())


def test_a_metric_that_refuses_points_is_tried_on_digits():
    seen = []

    @dataclass(frozen=True)
    class OfImages(Shift):
        def protocol(self, data, model):
            if len(data.shape) != 3:
                raise ValueError("only for images")
            seen.append(data.shape)
            return super().protocol(data, model)

    assert_metric_is_lawful(OfImages())
    assert {*seen} == {(1, 28, 28)}


class ForgotPower(Shift):
    def details(self, details):
        return {"norm": details["norm"]}


class ForgotNorm(Shift):
    def details(self, details):
        return {"power": details["power"]}


class ForgotWeights(Shift):
    def protocol(self, data, model):
        return EvaluationProtocol(self.samples, "drawn", "ema", details={"power": self.power, "norm": self.norm})


class NotFinite(Shift):
    def compute(self, evaluation):
        return float("nan")


class ATensor(Shift):
    def compute(self, evaluation):
        return torch.cat(list(evaluation.reference))


class HasABug(Shift):
    def compute(self, evaluation):
        return evaluation.generator


class WrongBetter(Shift):
    better = "less"


class NoProtocol(Shift):
    def protocol(self, data, model):
        return {"samples": self.samples}


@dataclass(frozen=True)
class Counts(Shift):
    calls: list = field(default_factory=list)

    def compute(self, evaluation):
        self.calls.append(1)
        return super().compute(evaluation) + len(self.calls)


class SystemDraws(Shift):
    def compute(self, evaluation):
        return super().compute(evaluation) + random.SystemRandom().random()


class ScalesTheModel(Shift):
    def compute(self, evaluation):
        for parameter in evaluation.model.parameters():
            parameter.mul_(0.5)
        return super().compute(evaluation)


class KeepsTraining(Shift):
    def compute(self, evaluation):
        evaluation.model.decoder.register_buffer("seen", torch.ones(()))
        return super().compute(evaluation)


class WrongOnItself(Shift):
    value_on_itself: ClassVar[float] = 1.0


class ScaleUpsideDown(Shift):
    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)  # lower is better


class BetterThanTheBest(Shift):
    value_scale: ClassVar[tuple[float, float]] = (99.0, 50.0)


class CountsWithoutTotal(Shift):
    out_of: ClassVar[str] = "modes"


class OnAScale(Shift):
    value_scale: ClassVar[tuple[float, float]] = (1.0, 0.0)


class HalvesTheReference(Shift):
    def compute(self, evaluation):
        real, fake = torch.cat(list(evaluation.reference)), torch.cat(list(evaluation.generated))
        return (fake.mean(dim=0) - real[::2].mean(dim=0)).norm().item() ** self.power


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (ForgotPower, "a complete protocol"),
        (ForgotNorm, "a complete protocol"),
        (ForgotWeights, "a complete protocol"),
        (NotFinite, "a protocol and a number"),
        (ATensor, "a protocol and a number"),
        (HasABug, "a protocol and a number"),
        (WrongBetter, "a protocol and a number"),
        (NoProtocol, "a protocol and a number"),
        (Counts, "the same number again"),
        (SystemDraws, "the same number again"),
        (ScalesTheModel, "changes nothing"),
        (KeepsTraining, "changes nothing"),
        (WrongOnItself, "its number on itself if declared"),
        (HalvesTheReference, "its number on itself if declared"),
        (ScaleUpsideDown, "its scale if declared"),
        (BetterThanTheBest, "its scale if declared"),
        (CountsWithoutTotal, "its scale if declared"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_metric_is_lawful(kind())
