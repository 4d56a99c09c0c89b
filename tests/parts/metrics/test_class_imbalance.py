"""Metrics of digits: class frequencies, and a Fréchet distance of digit features."""

import numpy as np
import pytest
import torch
from support.evaluations import value
from support.messages import assert_names

from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.frechet import FrechetDistance


def digits_of(counts):
    """Return counts[c] packaged digits of each class c."""
    images, labels = Digits().arrays
    chosen = np.concatenate([np.flatnonzero(labels == c)[:n] for c, n in enumerate(counts)])
    return torch.from_numpy(images[chosen]).float() / 255


def test_the_imbalance_is_the_total_variation_distance_of_the_class_shares():
    even, one, half = digits_of([40] * 10), digits_of([0, 0, 0, 400]), digits_of([80] * 5)
    assert value(ClassImbalance(), even, even) == 0
    assert value(ClassImbalance(), one, even) == pytest.approx(0.9, abs=0.01)
    assert value(ClassImbalance(), half, even) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("data", "shape", "found"),
    [(CIFAR10(path="nowhere"), "(3, 32, 32)", "colour images"), (EightGaussians(), "(2,)", "not images")],
)
def test_data_other_than_grey_images_are_refused_with_another_metric(data, shape, found):
    with pytest.raises(ValueError) as refused:
        ClassImbalance().protocol(data, None)
    assert_names(refused.value, "grey images", f"{shape} are {found}", "coverage")
    assert "extractor" not in str(refused.value)  # this metric has no key that names one


def test_the_frechet_distance_of_digit_features_orders_digits_blurred_digits_and_noise():
    first, second = digits_of([20] * 10), digits_of([40] * 10)[torch.arange(400) % 40 >= 20]
    blurred = torch.nn.functional.avg_pool2d(second, 5, 1, 2)
    noise = torch.rand(200, 1, 28, 28)
    near, blur, far = (value(FrechetDistance(DigitFeatures()), x, first) for x in (second, blurred, noise))
    assert near < blur / 2 < far / 2
