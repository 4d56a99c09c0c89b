"""gnELBO: a closed form, and the published arithmetic in NumPy."""

import math

import numpy as np
import pytest
import torch
from support.evaluations import Chunks, normal
from support.messages import assert_names
from torch import nn

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation
from genkit.evaluation.compute_metrics import evaluate
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.rings import Rings
from genkit.parts.metrics.gnelbo import GridNormalisedELBO

NODES, DATA = 1024**2, 12_800


class Scaled(nn.Module):
    """q(z|x) = N(a·x, σ²·I)."""

    def __init__(self, a, std):
        super().__init__()
        self.a, self.std = nn.Parameter(torch.tensor(a, dtype=torch.float64)), std

    def forward(self, x):
        mu = self.a * x
        return DiagNormal(mu, torch.full_like(mu, 2 * math.log(self.std)))


class Times(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.b = b

    def forward(self, z):
        return self.b * z


def scaled(a=0.5, std=1.0, b=1.0):
    return Autoencoder(Scaled(a, std), Times(b), 2, (2,))


def gnelbo(model, reference, data=None):
    with torch.no_grad():
        evaluation = Evaluation(model, data or EightGaussians(), Chunks(reference[:0]), Chunks(reference))
        return GridNormalisedELBO(samples=len(reference)).compute(evaluation)


@pytest.mark.parametrize(("data", "w"), [(EightGaussians(), 2.0), (Rings(), 4.0)])
@pytest.mark.parametrize(("a", "std", "b"), [(0.5, 1.0, 1.0), (0.9, 0.2, 1.3)])
def test_of_a_linear_model_it_has_a_closed_form(data, w, a, std, b):
    """The energy is A·|x|² + c, and the mean of x² over N equidistant nodes of [-w, w] is w²·(N + 1) / (3·(N - 1))."""
    quadratic, constant = 0.5 * a**2 + (1 - a * b) ** 2, std**2 - 1 - 2 * math.log(std)
    reference = normal(DATA, 2, scale=0.7).double()
    of_data = quadratic * reference.square().sum().item() + DATA * constant
    of_grid = NODES * (quadratic * 2 * w**2 * 1025 / (3 * 1023) + constant)
    assert gnelbo(scaled(a, std, b), reference, data) == pytest.approx(of_data / DATA / (of_grid + of_data), rel=1e-9)


def test_a_model_that_is_as_surprised_by_data_as_by_the_grid_has_the_share_of_one_point():
    radius = math.sqrt(2 * 2.0**2 * 1025 / (3 * 1023))  # where |x|² is its mean over the grid
    reference = torch.tensor([[radius, 0.0], [0.0, -radius]], dtype=torch.float64).repeat(DATA // 2, 1)
    assert gnelbo(scaled(), reference) == pytest.approx(1 / (NODES + DATA), rel=1e-9)


def test_it_is_the_published_arithmetic_for_a_network():
    torch.manual_seed(0)
    encoder, decoder = (nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, size)) for size in (4, 2))
    model = Autoencoder(Split(encoder), decoder, 2, (2,)).double()
    reference = EightGaussians().centres.repeat(1600, 1)

    def network(layers, x):
        (w, b), (w_2, b_2) = ((layers[i].weight.detach().numpy(), layers[i].bias.detach().numpy()) for i in (0, 2))
        return np.tanh(x @ w.T + b) @ w_2.T + b_2

    def elbos(x):
        mu, logvar = np.split(network(encoder, x), 2, axis=1)
        kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum(1)
        return 1.0 * kl + 1.0 * ((network(decoder, mu) - x) ** 2).sum(1)

    axis = np.linspace(-2, 2, 1024)
    nodes = np.stack([each.ravel() for each in np.meshgrid(axis, axis)], axis=1)
    of_data = elbos(reference.numpy())
    expected = (of_data / np.concatenate([elbos(nodes), of_data]).sum()).mean()
    assert gnelbo(model, reference) == pytest.approx(expected, rel=1e-12)


def test_it_is_evaluated_with_12800_points_of_the_data():
    (result,) = evaluate({"it": GridNormalisedELBO()}, EightGaussians(), lambda weights: scaled(), 0)
    assert result.protocol.samples == DATA and result.better == "lower"
    assert_names(result.protocol, "[-2, 2] x [-2, 2]", "1024 x 1024")
    radius = 2 / 1.414  # of the modes
    of_data, of_grid = 0.375 * (radius**2 + 2 * (0.02 / 1.414) ** 2), 0.375 * 2 * 4 * 1025 / (3 * 1023)
    assert result.value == pytest.approx(of_data / (NODES * of_grid + DATA * of_data), rel=1e-3)


def test_other_data_other_models_and_an_infinite_elbo_are_refused():
    with pytest.raises(ValueError) as refused:
        GridNormalisedELBO().protocol(Digits(), scaled())
    assert_names(refused.value, "(1, 28, 28)", "8-gaussians")
    with pytest.raises(ValueError) as refused:
        GridNormalisedELBO().protocol(EightGaussians(), GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,)))
    assert_names(refused.value, "the model", "autoencoder")
    (result,) = evaluate({"it": GridNormalisedELBO()}, EightGaussians(), lambda weights: scaled(b=math.inf), 0)
    assert result.value is None
    assert_names(result.reason, "ELBO", "not finite")


class Split(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return DiagNormal(*self.network(x).chunk(2, dim=1))
