"""What metrics of features have in common: protocols, meaningless values, rounding; and the samples they read."""

import math
import random
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.evaluations import evaluation_of, normal, value
from support.messages import assert_names

from genkit.api import features_of
from genkit.core.dataset import Samples
from genkit.evaluation.compute_metrics import evaluate
from genkit.evaluation.draws import draws
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.frechet import FrechetDistance
from genkit.parts.metrics.kernel import KernelDistance
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.metrics.sliced_wasserstein import SlicedWasserstein
from genkit.parts.models.mlp import MLP

WITH_EXTRACTOR = [FrechetDistance, KernelDistance, PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric]
WITHOUT_EXTRACTOR = [SlicedWasserstein, ClassImbalance]


def metrics():
    small = [m(Pixels(), samples=100, **({"subset_size": 50} if m is KernelDistance else {})) for m in WITH_EXTRACTOR]
    return [*small, SlicedWasserstein(samples=100)]


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: type(metric).__name__)
def test_samples_that_are_not_finite_or_all_the_same_are_refused(metric):
    good, nan = normal(100, 2), normal(100, 2)
    nan[3, 1] = math.nan
    for bad, names in ((nan, ("1 of 100", "not finite")), (torch.ones(100, 2), ("same features",))):
        with pytest.raises(ValueError) as refused:
            value(metric, bad, good)
        assert_names(refused.value, "generated", *names)
        with pytest.raises(ValueError) as refused:
            value(metric, good, bad)
        assert_names(refused.value, "reference", *names)


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: type(metric).__name__)
def test_a_better_model_has_a_better_value(metric):
    real, good, bad = normal(100, 2, 1), normal(100, 2, 2), normal(100, 2, 3, scale=0.1, shift=3)
    better, worse = value(metric, good, real), value(metric, bad, real)
    assert (better < worse) == (metric.better == "lower")


@pytest.mark.parametrize("metric", [*WITH_EXTRACTOR, *WITHOUT_EXTRACTOR])
def test_the_protocol_states_extractor_rounding_split_and_samples(metric):
    built = metric(DigitFeatures()) if metric in WITH_EXTRACTOR else metric()
    data = MNIST(path="nowhere")
    protocol = built.protocol(data, None)
    extractor = "500 random projections" if metric is SlicedWasserstein else f"digits {DigitFeatures().digest[:8]}"
    assert (protocol.extractor, protocol.quantised, protocol.split) == (extractor, True, "test")
    assert protocol.details and protocol.samples == 5000
    with pytest.raises(ValueError) as refused:
        built.protocol(Digits(), None)
    assert_names(refused.value, "samples = 5000 ", "test split", "Set samples = 1000 ")


def test_images_are_rounded_to_8_bits_and_points_are_not():
    x = normal(50, 2)
    assert not FrechetDistance(Pixels()).protocol(EightGaussians(), None).quantised
    points = evaluation_of(x, x)
    assert torch.equal(next(iter(features_of(points, "generated", Pixels()))).float(), x)
    images = torch.rand(50, 1, 3, 3) * 1.4 - 0.2
    found = next(iter(features_of(evaluation_of(images, images), "generated", Pixels())))
    assert torch.allclose(found * 255, (found * 255).round(), atol=1e-4)
    assert (
        found.min() == 0 and found.max() == 1 and (found - images.flatten(1).clamp(0, 1)).abs().max() < 0.5 / 255 + 1e-6
    )


# Bugs in a metric


@dataclass(frozen=True)
class Returns(SlicedWasserstein):
    """A metric with a bug, as a plugin may have."""

    what: object = None

    def compute(self, evaluation):
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


@pytest.mark.parametrize(
    ("what", "names"),
    [
        (KeyError("oops"), (f"{__name__}.Returns", "KeyError: 'oops'", "test_features.py, line ")),
        (RuntimeError("a shape"), (f"{__name__}.Returns", "RuntimeError: a shape")),
        (None, ("a NoneType", "float")),
        ("much", ("a str", "float")),
        (torch.ones(3), ("a Tensor", "(3,)", "float")),
        (math.inf, (" inf",)),
    ],
)
def test_a_bug_in_one_metric_does_not_lose_the_others(what, names):
    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    requested = {"bad": Returns(samples=50, what=what), "good": SlicedWasserstein(samples=50)}
    bad, good = evaluate(requested, EightGaussians(), lambda weights: model, 0)
    assert bad.value is None and good.value is not None
    assert_names(bad.reason, *names)


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), None])
def test_a_metric_cannot_end_the_program(error):
    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    (bad,) = evaluate({"bad": Exits(samples=50, error=error)}, EightGaussians(), lambda weights: model, 0)
    assert bad.value is None
    assert_names(bad.reason, f"{__name__}.Exits", "test_features.py, line ")


@dataclass(frozen=True)
class Exits(SlicedWasserstein):
    error: object = None

    def compute(self, evaluation):
        if isinstance(self.error, BaseException):
            raise self.error
        return float(torch.eye(2).reshape(3).sum())


@dataclass(frozen=True)
class DrawsGlobally(SlicedWasserstein):
    """A metric that draws from every global generator, as those of other libraries do."""

    def compute(self, evaluation):
        return torch.rand(()).item() + np.random.rand() + random.random()


def test_a_metric_that_draws_from_global_generators_is_a_function_of_the_seed():
    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))

    def value(seed: int, before: int) -> float | None:
        torch.manual_seed(before), np.random.seed(before), random.seed(before)
        state = torch.get_rng_state()
        (result,) = evaluate({"m": DrawsGlobally(samples=50)}, EightGaussians(), lambda weights: model, seed)
        assert torch.equal(torch.get_rng_state(), state)
        return result.value

    assert value(0, before=1) == value(0, before=2) != value(1, before=1)


# Samples of an evaluation


@pytest.mark.parametrize(("shape", "rows"), [((2,), 1000), ((1, 28, 28), 1000), ((3, 64, 64), 341), ((1, 64, 64), 341)])
def test_chunks_of_large_samples_are_short(shape, rows):
    model = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]))
    generated, reference = draws(model, StandIn(shape=shape, size=1500), 1500, 0)
    assert generated.rows == reference.rows == rows
    if rows == 341:
        assert [len(chunk) for chunk in reference] == [341] * 4 + [136]


def test_reference_samples_are_a_random_subset_that_does_not_depend_on_the_seed():
    model = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]))

    @dataclass(frozen=True)
    class Ordered:
        shape = (1,)
        split = "test"
        size = 3000

        def batch(self, indices, noise):
            return Samples(indices[:, None].float())

    def read(total, seed=0):
        return torch.cat(list(draws(model, Ordered(), total, seed)[1]))[:, 0]

    assert torch.equal(read(3000), torch.arange(3000).float())
    assert torch.equal(read(1500), read(1500, seed=7)) and torch.equal(read(1500)[:1200], read(1200))
    assert len(read(1500).unique()) == 1500 and read(1500).mean().item() == pytest.approx(1500, abs=50)
    with pytest.raises(ValueError) as refused:
        read(3001)
    assert_names(refused.value, "test split", "3000", "3001")
