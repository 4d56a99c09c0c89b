"""Evaluation of several metrics: each has the value that it has alone, of the model and the data of its protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from genkit.api import Evaluation, EvaluationProtocol, Model, ModelMetric, Noise, Samples
from genkit.evaluation.compute_metrics import evaluate
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.metrics.sliced_wasserstein import Projections, SlicedWasserstein


class Generator(Model):
    """Model with a batch norm, a shift and a number of forward passes in each mode."""

    latent_dim, data_shape = 2, (2,)

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.norm, self.shift = nn.BatchNorm1d(2), nn.Parameter(torch.full((2,), shift))
        self.modes: set[tuple[bool, bool]] = set()

    def sample(self, z: Tensor) -> Tensor:
        self.modes.add((self.training, torch.is_grad_enabled()))
        return self.norm(z * torch.tensor([2.0, 0.5])) + self.shift


@dataclass(frozen=True)
class Points:
    """Points around -1 in the training split, and around 1 in the held-out one."""

    split: str = "train"
    shape = (2,)
    size = 400

    def unmet(self) -> tuple[str, ...]:
        return ()

    def held_out(self) -> Points:
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        x = torch.stack([indices / 400, (indices * 7 % 400) / 400], dim=1)
        return Samples(x + (1.0 if self.split == "test" else -1.0))


MODELS = {"raw": Generator(0.0), "ema": Generator(3.0)}
PLAIN = SlicedWasserstein(samples=300, projections=50)
VARIED = {
    "plain": PLAIN,
    "samples": replace(PLAIN, samples=200),
    "split": replace(PLAIN, split="train"),
    "weights": replace(PLAIN, weights="ema"),
    "batch norm": replace(PLAIN, batch_norm="batch"),
    "projections": replace(PLAIN, projections=20),
    "precision": PrecisionMetric(Projections(50), samples=300),
    "recall": RecallMetric(Projections(50), samples=300),
    "precision, k 9": PrecisionMetric(Projections(50), samples=300, k=9),
    "precision, samples": PrecisionMetric(Projections(50), samples=200),
}


def values(metrics: dict[str, ModelMetric], seed: int = 0) -> dict[str, float | None]:
    return {result.label: result.value for result in evaluate(metrics, Points(), MODELS.get, seed)}


@pytest.mark.parametrize("order", [1, -1])
def test_a_metric_has_the_value_that_it_has_alone(order):
    """Metrics share features and radii; sharing with different samples, weights or modes would be a wrong number."""
    together = values(dict(list(VARIED.items())[::order]))
    assert together == {label: values({label: metric})[label] for label, metric in VARIED.items()}
    distances = [value for label, value in together.items() if not label.startswith(("precision", "recall"))]
    assert len(set(distances)) == len(distances)


def test_the_seed_of_the_run_decides_the_samples():
    assert values({"it": PLAIN}) == values({"it": PLAIN}) != values({"it": PLAIN}, seed=1)


@dataclass(frozen=True)
class Means(ModelMetric):
    """The first mean of the generated samples plus 100 times that of the reference samples."""

    split: str = "test"

    @property
    def better(self) -> None:
        return None

    def protocol(self, data: Points, model: Model) -> EvaluationProtocol:
        return EvaluationProtocol(400, self.split, self.weights, self.batch_norm)

    def compute(self, evaluation: Evaluation) -> float:
        assert evaluation.data.split == self.split
        generated, reference = (torch.cat(list(x))[:, 0].mean() for x in (evaluation.generated, evaluation.reference))
        return round(generated.item()) + 100 * round(2 * reference.item())


@pytest.mark.parametrize(("weights", "generated"), [("raw", 0), ("ema", 3)])
@pytest.mark.parametrize(("split", "reference"), [("train", -1), ("test", 3)])
def test_a_metric_reads_the_weights_and_the_split_of_its_protocol(weights, generated, split, reference):
    """Twice the mean of the first coordinate is -1 in the training split and 3 in the held-out one."""
    assert values({"it": Means(split=split, weights=weights)}) == {"it": generated + 100 * reference}


@pytest.mark.parametrize("training", [True, False])
def test_networks_run_in_evaluation_mode_without_gradients_and_keep_their_mode(training):
    model = Generator(0.0).train(training)
    model.norm.eval()  # frozen by the user
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    evaluate({"it": PLAIN}, Points(), lambda which: model, 0)
    assert model.modes == {(False, False)}
    assert (model.training, model.norm.training) == (training, False)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@dataclass(frozen=True)
class RunsTheNetwork(ModelMetric):
    """Metric whose protocol runs the model, as the check of a score may."""

    @property
    def better(self):
        return "lower"

    def protocol(self, data, model):
        model.sample(torch.ones(4, 2))
        return EvaluationProtocol(10, data.held_out().split, self.weights, self.batch_norm)

    def compute(self, evaluation):
        return 0.0


def test_a_protocol_that_runs_the_networks_leaves_a_training_as_it_is():
    model = Generator(0.0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    evaluate({"m": RunsTheNetwork()}, Points(), lambda weights: model, 0)
    assert model.training and model.modes == {(False, False)}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
