"""Label accuracy: models that generate real digits of the class they are asked for, or of another."""

from __future__ import annotations

import pytest
import torch
from support.messages import assert_names
from torch import Tensor, nn

from genkit.api import Model
from genkit.core.condition import ClassFacts
from genkit.core.result import Result
from genkit.evaluation.compute_metrics import evaluate
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.fashion_mnist import FashionMNIST
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.metrics.label_accuracy import LabelAccuracy
from genkit.parts.priors.per_class import PerClass

HALF = [1, 2, 3, 4, 0, 5, 6, 7, 8, 9]  # a class for each class: five are exchanged


class RealDigits(Model):
    """Model that generates the first test digit of a class, which its prior writes into the first coordinate."""

    latent_dim, data_shape = 2, (1, 28, 28)

    def __init__(self, shown: list[int]):
        super().__init__()
        self.unused, self.shown = nn.Parameter(torch.zeros(())), torch.tensor(shown)
        self.prior = PerClass(means=tuple((float(y), 0.0) for y in range(len(shown))), logvars=-20.0, latent_dim=2)
        images, labels = Digits(split="test").arrays
        self.images = torch.stack([torch.from_numpy(images[labels == y][0]).float() / 255 for y in range(10)])

    def sample(self, z: Tensor) -> Tensor:
        return self.images[self.shown[z[:, 0].round().long()]]


def result_of(model: Model, **keys) -> Result:
    models = {"raw": model, "ema": model}
    return evaluate({"it": LabelAccuracy(**keys)}, Digits(), models.__getitem__, 0)[0]


def test_real_digits_of_the_asked_class_are_recognised():
    result = result_of(RealDigits(list(range(10))), samples=1500)
    assert result.value == 1.0 and result.better == "higher"
    assert_names(result.protocol, "1,500 samples", "features digits d85650b1", "8 bits", "classes drawn")


def test_digits_of_another_class_count_as_wrong():
    assert result_of(RealDigits(HALF), samples=2500).value == pytest.approx(0.5, abs=0.04)
    assert result_of(RealDigits([(y + 1) % 10 for y in range(10)]), samples=500).value == 0


def test_the_classes_are_drawn_with_the_frequencies_of_the_training_data():
    model = RealDigits(HALF)
    model.class_facts = ClassFacts((0.05,) * 5 + (0.15,) * 5, tuple("0123456789"))
    assert result_of(model, samples=2500).value == pytest.approx(0.75, abs=0.04)


def test_a_stand_in_of_the_shape_of_digits_is_accepted_to_try_a_recipe():
    assert LabelAccuracy().protocol(StandIn((1, 28, 28), classes=10), RealDigits(HALF)).samples == 5_000


def test_the_number_of_a_stand_in_is_refused():
    model = RealDigits(HALF)
    models = {"raw": model, "ema": model}
    [result] = evaluate({"it": LabelAccuracy(samples=100)}, StandIn((1, 28, 28), classes=10), models.__getitem__, 0)
    assert result.value is None
    assert_names(result.reason, "generated", "digit")


@pytest.mark.parametrize(
    "data",
    [
        EightGaussians(),
        CIFAR10(path="nowhere"),
        FashionMNIST(path="nowhere"),
        StandIn((3, 32, 32), classes=10),
    ],
)
def test_data_that_are_no_digits_are_refused(data):
    with pytest.raises(ValueError) as refused:
        LabelAccuracy().protocol(data, RealDigits(HALF))
    assert_names(refused.value, '"digits"', '"mnist"', "Leave label-accuracy out")


def test_models_without_classes_or_with_too_many_are_refused():
    model = RealDigits(HALF)
    assert LabelAccuracy().protocol(MNIST(path="nowhere"), model).samples == 5_000
    model.prior = PerClass(classes=11, latent_dim=2)
    with pytest.raises(ValueError) as refused:
        LabelAccuracy().protocol(Digits(), model)
    assert_names(refused.value, "11 classes", "10 digits")
    del model.prior
    with pytest.raises(ValueError) as refused:
        LabelAccuracy().protocol(Digits(), model)
    assert_names(refused.value, "not conditional", "per-class")
