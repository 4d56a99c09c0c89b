"""The laws of optimisers: each mutant, an optimiser with one mistake, breaks one."""

from dataclasses import dataclass

import pytest
import torch

from genkit.api import ConstantSchedule, Schedule
from genkit.testing import assert_optimiser_is_lawful


@dataclass(frozen=True)
class SGD:
    lr: Schedule = ConstantSchedule(0.1)
    clip_norm: float | None = None

    def build(self, parameters):
        return torch.optim.SGD(parameters, lr=self.lr(0.0), momentum=0.9)


class FirstOnly(SGD):
    def build(self, parameters):
        return torch.optim.SGD([*parameters][:1], lr=0.1)


class NeedsClosure(SGD):
    def build(self, parameters):
        return torch.optim.LBFGS(parameters, lr=0.1)


@dataclass(frozen=True)
class NegativeClip(SGD):
    clip_norm: float | None = -1.0


class Ascends(SGD):
    def build(self, parameters):
        return torch.optim.SGD(parameters, lr=0.1, maximize=True)


class OwnRate(SGD):
    def build(self, parameters):
        class Fixed(torch.optim.SGD):
            def step(self, closure=None):
                for group in self.param_groups:
                    group["lr"] = 0.01
                return super().step(closure)

        return Fixed(parameters, lr=0.1)


class DecaysAtRest(SGD):
    """Shrinks the weights by a factor that does not depend on the learning rate."""

    def build(self, parameters):
        class Shrinking(torch.optim.SGD):
            def step(self, closure=None):
                with torch.no_grad():
                    for group in self.param_groups:
                        for weight in group["params"]:
                            weight.mul_(0.99)
                return super().step(closure)

        return Shrinking(parameters, lr=0.1)


class HiddenMoments(SGD):
    def build(self, parameters):
        class Hidden(torch.optim.SGD):
            """Averages gradients in an attribute, which no checkpoint has."""

            def step(self, closure=None):
                self.average = getattr(self, "average", {})
                for group in self.param_groups:
                    for number, weight in enumerate(group["params"]):
                        mean = 0.9 * self.average.get(number, 0.0) + 0.1 * weight.grad
                        self.average[number], weight.grad = mean, mean.clone()
                return super().step(closure)

        return Hidden(parameters, lr=0.1)


def test_a_lawful_optimiser_passes():
    assert_optimiser_is_lawful(SGD())


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (FirstOnly, "builds a torch optimiser"),
        (NeedsClosure, "builds a torch optimiser"),
        (NegativeClip, "builds a torch optimiser"),
        (Ascends, "lowers a quadratic"),
        (OwnRate, "follows the learning rate"),
        (DecaysAtRest, "follows the learning rate"),
        (HiddenMoments, "state round trip"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'"{law}"'):
        assert_optimiser_is_lawful(kind())
