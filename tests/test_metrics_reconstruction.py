import math

import pytest
import torch
from torch import nn

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation
from genkit.data.digits import Digits
from genkit.data.eight_gaussians import EightGaussians
from genkit.data.mnist import MNIST
from genkit.metrics.reconstruction import ReconstructionError


class Posterior(nn.Module):
    def forward(self, x):
        return DiagNormal(x.flatten(1), torch.full_like(x.flatten(1), 5.0))


class Decode(nn.Module):
    def __init__(self, shape, then):
        super().__init__()
        self.shape, self.then = shape, then

    def forward(self, z):
        return self.then(z.unflatten(1, self.shape))


def autoencoder(shape, then):
    return Autoencoder(Posterior(), Decode(shape, then), math.prod(shape), shape)


def error(data, then, chunks):
    shape = tuple(data.shape)
    return ReconstructionError().compute(Evaluation(autoencoder(shape, then), data, [], chunks))


def test_a_constant_shift_costs_its_square():
    chunks = [torch.randn(7, 2), torch.randn(2, 2)]
    assert error(EightGaussians(), lambda x: x + 0.5, chunks) == pytest.approx(0.25, rel=1e-6)


def test_a_perfect_autoencoder_has_no_error_since_the_posterior_mean_is_decoded():
    assert error(EightGaussians(), lambda x: x, [torch.randn(7, 2)]) == 0


def test_the_error_is_a_mean_over_coordinates_whatever_the_chunks():
    x = torch.rand(9, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    expected = ((0.5 * x - x) ** 2).mean().item()
    assert error(Digits(), lambda x: 0.5 * x, x.split(4)) == pytest.approx(expected, rel=1e-6)


def test_images_are_clamped_and_points_are_not():
    assert error(Digits(), lambda x: x + 9, [torch.ones(2, 1, 28, 28)]) == 0
    assert error(EightGaussians(), lambda x: x + 9, [torch.ones(2, 2)]) == 81


def test_the_protocol_states_the_split_and_the_range():
    model = autoencoder((1, 28, 28), lambda x: x)
    protocol = ReconstructionError().protocol(Digits(), model)
    assert (protocol.split, protocol.samples, protocol.weights) == ("test", 1000, "raw")
    assert "clamped to [0, 1]" in protocol.details["range"]
    assert ReconstructionError(split="train").protocol(Digits(), model).split == "train"
    points = ReconstructionError().protocol(EightGaussians(), autoencoder((2,), lambda x: x))
    assert points.split == "drawn" and "range" not in points.details


def test_a_model_that_cannot_reconstruct_is_refused():
    gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
    with pytest.raises(ValueError, match="a GAN reconstructs nothing"):
        ReconstructionError().protocol(EightGaussians(), gan)


def test_more_samples_than_the_split_has_are_refused():
    model = autoencoder((1, 28, 28), lambda x: x)
    with pytest.raises(ValueError, match="samples = 1001 is more than the 1000 samples of the test split"):
        ReconstructionError(samples=1001).protocol(Digits(), model)
    assert ReconstructionError(samples=1001, split="train").protocol(Digits(), model).samples == 1001


def test_the_train_split_of_a_set_that_reads_its_test_split_is_refused():
    with pytest.raises(ValueError, match='split = "train" cannot be read'):
        ReconstructionError(split="train").protocol(Digits(split="test"), autoencoder((1, 28, 28), lambda x: x))


def test_data_that_are_unmet_are_left_to_the_plan(tmp_path):
    model = autoencoder((1, 28, 28), lambda x: x)
    assert ReconstructionError().protocol(MNIST(path=tmp_path), model).split == "test"


def test_a_held_out_split_that_is_unmet_is_left_to_the_plan(tmp_path):
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).touch()
    assert ReconstructionError().protocol(MNIST(path=tmp_path), autoencoder((1, 28, 28), lambda x: x)).split == "test"


def test_a_model_that_has_diverged_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        error(EightGaussians(), lambda x: x * math.inf, [torch.ones(2, 2)])
