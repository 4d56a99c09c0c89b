import math

import numpy as np
import pytest
import skimage.metrics
import torch
from PIL import Image
from torch import nn

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.metrics.psnr import PSNR
from genkit.parts.metrics.reconstruction import ReconstructionError
from genkit.parts.metrics.ssim import SSIM


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


def test_a_split_smaller_than_the_default_is_read_whole(tmp_path):
    for place in range(40):
        Image.new("RGB", (8, 8), (place, 0, 0)).save(tmp_path / f"{place}.png")
    pictures = ImageFolder(path=tmp_path, resolution=8, hold_out=0.5, store=tmp_path / "store")
    protocol = ReconstructionError().protocol(pictures, autoencoder((3, 8, 8), lambda x: x))
    assert protocol.samples == pictures.held_out().size < 1000
    with pytest.raises(ValueError, match="samples = 1000 is more than"):
        ReconstructionError(samples=1000).protocol(pictures, autoencoder((3, 8, 8), lambda x: x))


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


# PSNR and SSIM


def images(number, *shape, seed=0):
    return torch.rand(number, *shape, generator=torch.Generator().manual_seed(seed))


def similarity(metric, then, x):
    data = StandIn(shape=tuple(x.shape[1:]))
    return metric.compute(Evaluation(autoencoder(data.shape, then), data, [], x.split(4)))


def test_the_psnr_of_a_known_error_is_its_closed_form():
    x = 0.4 * images(9, 1, 12, 12) + 0.2
    assert similarity(PSNR(), lambda y: y + 0.1, x) == pytest.approx(20, abs=1e-4)


def test_the_psnr_is_a_mean_of_ratios_and_that_of_others():
    x, shift = images(7, 3, 16, 16), torch.linspace(0.01, 0.4, 7)[:, None, None, None]
    given = iter(((x + shift).clamp(0, 1)).split(4))
    found = similarity(PSNR(), lambda y: next(given), x)
    pairs = list(zip((x + shift).clamp(0, 1).double().numpy(), x.double().numpy()))
    expected = np.mean([skimage.metrics.peak_signal_noise_ratio(b, a, data_range=1) for a, b in pairs])
    assert found == pytest.approx(expected, rel=1e-6)
    of_the_mean = 10 * math.log10(1 / ((x + shift).clamp(0, 1) - x).square().mean().item())
    assert found > of_the_mean + 1


def test_the_ssim_is_scikit_images():
    x = images(6, 3, 20, 17)
    made = (0.7 * x + 0.2 * images(6, 3, 20, 17, seed=1)).clamp(0, 1)
    given = iter(made.split(4))
    found = similarity(SSIM(), lambda y: next(given), x)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    pairs = zip(made.double().numpy(), x.double().numpy())
    expected = [skimage.metrics.structural_similarity(b, a, channel_axis=0, **window) for a, b in pairs]
    assert found == pytest.approx(np.mean(expected), abs=1e-6)
    assert 0.3 < found < 0.95


@pytest.mark.parametrize("metric", [PSNR(), SSIM()])
def test_images_are_clamped_before_they_are_compared(metric):
    x = images(4, 1, 12, 12).round()
    blurred = 0.5 * x + 0.2
    dark = similarity(metric, lambda y: 0.5 * y + 0.2 - 5 * (y < 0.5), x)
    assert dark == similarity(metric, lambda y: 0.5 * y + 0.2 - 9 * (y < 0.5), x)
    assert dark > similarity(metric, lambda y: blurred, x)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_the_protocol_states_range_and_mean(metric):
    data = StandIn(shape=(3, 16, 16))
    protocol = metric(samples=50).protocol(data, autoencoder((3, 16, 16), lambda x: x))
    assert protocol.details["peak"] == 1 and "clamped" in protocol.details["range"]
    assert "image" in protocol.details["mean"] and metric().better == "higher"
    if metric is SSIM:
        assert protocol.details["window"] == "11 x 11, Gaussian, sigma 1.5"


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_what_are_no_images_or_no_reconstructions_is_refused(metric):
    with pytest.raises(ValueError, match=r"samples of the shape \(2,\) have none"):
        metric().protocol(EightGaussians(), autoencoder((2,), lambda x: x))
    with pytest.raises(ValueError, match="a GAN reconstructs nothing"):
        metric().protocol(Digits(), GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (1, 28, 28)))
    with pytest.raises(ValueError, match="samples = 1001 is more than the 1000"):
        metric(samples=1001).protocol(Digits(), autoencoder((1, 28, 28), lambda x: x))
    with pytest.raises(ValueError, match="not finite"):
        similarity(metric(), lambda y: y / 0, images(2, 1, 12, 12))


def test_images_smaller_than_the_window_are_refused():
    data = StandIn(shape=(1, 10, 30))
    with pytest.raises(ValueError, match="images of 10 x 30 are smaller than the window of 11 x 11: use psnr"):
        SSIM().protocol(data, autoencoder((1, 10, 30), lambda x: x))
    assert SSIM().protocol(StandIn(shape=(1, 11, 11)), autoencoder((1, 11, 11), lambda x: x))


def test_a_psnr_that_is_infinite_and_an_ssim_of_plain_images_are_refused():
    x = images(6, 1, 12, 12)
    x[2] = 0
    with pytest.raises(ValueError, match="1 of 6 images are reconstructed without any error"):
        similarity(PSNR(), lambda y: 0.5 * y, x)
    grey = torch.full((6, 1, 12, 12), 0.5) * torch.arange(6)[:, None, None, None] / 6
    colour = torch.tensor([0.2, 0.4, 0.9])[:, None, None].expand(6, 3, 12, 12)
    for plain in (grey, colour):
        with pytest.raises(ValueError, match="all 6 images are of one colour each, and have no structure"):
            similarity(SSIM(), lambda y: 0.5 * y, plain)
    assert similarity(SSIM(), lambda y: 0.5 * y, x) < 1
