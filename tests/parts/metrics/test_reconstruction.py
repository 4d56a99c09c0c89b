"""Reconstruction error, PSNR and SSIM: closed forms, scikit-image, and refusals."""

import math

import numpy as np
import pytest
import skimage.metrics
import torch
from PIL import Image
from support.messages import assert_names
from torch import nn

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation, SquaredError
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM as SSIM_ERROR
from genkit.parts.metrics.psnr import PSNR
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric
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
    return ReconstructionErrorMetric().compute(Evaluation(autoencoder(shape, then), data, [], chunks))


def test_the_error_of_a_constant_shift_is_its_square():
    chunks = [torch.randn(7, 2), torch.randn(2, 2)]
    assert error(EightGaussians(), lambda x: x + 0.5, chunks) == pytest.approx(0.25, rel=1e-6)


def test_a_perfect_autoencoder_has_no_error_because_the_posterior_mean_is_decoded():
    assert error(EightGaussians(), lambda x: x, [torch.randn(7, 2)]) == 0


def test_the_error_is_a_mean_over_coordinates_for_uneven_chunks():
    x = torch.rand(9, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    expected = ((0.5 * x - x) ** 2).mean().item()
    assert error(Digits(), lambda x: 0.5 * x, x.split(4)) == pytest.approx(expected, rel=1e-6)


def test_images_are_clamped_and_points_are_not():
    assert error(Digits(), lambda x: x + 9, [torch.ones(2, 1, 28, 28)]) == 0
    assert error(EightGaussians(), lambda x: x + 9, [torch.ones(2, 2)]) == 81


def test_the_protocol_of_the_error_states_split_and_range():
    model = autoencoder((1, 28, 28), lambda x: x)
    protocol = ReconstructionErrorMetric().protocol(Digits(), model)
    assert (protocol.split, protocol.samples, protocol.weights) == ("test", 1000, "raw")
    assert "clamped to [0, 1]" in protocol.details["range"]
    assert ReconstructionErrorMetric(split="train").protocol(Digits(), model).split == "train"
    points = ReconstructionErrorMetric().protocol(EightGaussians(), autoencoder((2,), lambda x: x))
    assert points.split == "drawn" and "range" not in points.details


def test_a_model_without_reconstructions_is_refused():
    gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
    with pytest.raises(ValueError) as refused:
        ReconstructionErrorMetric().protocol(EightGaussians(), gan)
    assert_names(refused.value, "the model", "reconstructions", "autoencoder")


def test_more_samples_than_the_split_has_are_refused():
    model = autoencoder((1, 28, 28), lambda x: x)
    with pytest.raises(ValueError) as refused:
        ReconstructionErrorMetric(samples=1001).protocol(Digits(), model)
    assert_names(refused.value, "samples = 1001 ", "test split", "Set samples = 1000 ")
    assert ReconstructionErrorMetric(samples=1001, split="train").protocol(Digits(), model).samples == 1001


def test_all_samples_of_a_small_split_are_read_by_default(tmp_path):
    for place in range(40):
        Image.new("RGB", (8, 8), (place, 0, 0)).save(tmp_path / f"{place}.png")
    pictures = ImageFolder(path=tmp_path, resolution=8, hold_out=0.5, store=tmp_path / "store")
    protocol = ReconstructionErrorMetric().protocol(pictures, autoencoder((3, 8, 8), lambda x: x))
    assert protocol.samples == pictures.held_out().size < 1000
    with pytest.raises(ValueError) as refused:
        ReconstructionErrorMetric(samples=1000).protocol(pictures, autoencoder((3, 8, 8), lambda x: x))
    assert_names(refused.value, "samples = 1000 ", f"Set samples = {protocol.samples} ")


def test_the_train_split_of_data_set_to_the_test_split_is_refused():
    with pytest.raises(ValueError) as refused:
        ReconstructionErrorMetric(split="train").protocol(Digits(split="test"), autoencoder((1, 28, 28), lambda x: x))
    assert_names(refused.value, 'split = "train"', "test split")


def test_missing_data_are_not_refused_here(tmp_path):
    model = autoencoder((1, 28, 28), lambda x: x)
    assert ReconstructionErrorMetric().protocol(MNIST(path=tmp_path), model).split == "test"


def test_a_missing_held_out_split_is_not_refused_here(tmp_path):
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).touch()
    assert (
        ReconstructionErrorMetric().protocol(MNIST(path=tmp_path), autoencoder((1, 28, 28), lambda x: x)).split
        == "test"
    )


def test_reconstructions_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="reconstructions.*not finite"):
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


def test_the_psnr_is_the_mean_of_ratios_of_scikit_image():
    x, shift = images(7, 3, 16, 16), torch.linspace(0.01, 0.4, 7)[:, None, None, None]
    given = iter(((x + shift).clamp(0, 1)).split(4))
    found = similarity(PSNR(), lambda y: next(given), x)
    pairs = list(zip((x + shift).clamp(0, 1).double().numpy(), x.double().numpy()))
    expected = np.mean([skimage.metrics.peak_signal_noise_ratio(b, a, data_range=1) for a, b in pairs])
    assert found == pytest.approx(expected, rel=1e-6)
    of_the_mean = 10 * math.log10(1 / ((x + shift).clamp(0, 1) - x).square().mean().item())
    assert found > of_the_mean + 1


def test_the_ssim_agrees_with_scikit_image():
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
def test_the_protocol_states_peak_range_and_mean(metric):
    data = StandIn(shape=(3, 16, 16))
    protocol = metric(samples=50).protocol(data, autoencoder((3, 16, 16), lambda x: x))
    assert protocol.details["peak"] == 1 and "clamped" in protocol.details["range"]
    assert "image" in protocol.details["mean"] and metric().better == "higher"
    if metric is SSIM:
        assert protocol.details["window"] == "11 x 11, Gaussian, sigma 1.5"


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_points_models_without_reconstructions_and_too_many_samples_are_refused(metric):
    with pytest.raises(ValueError) as refused:
        metric().protocol(EightGaussians(), autoencoder((2,), lambda x: x))
    assert_names(refused.value, "images", "(2,)", "reconstruction-error")
    with pytest.raises(ValueError) as refused:
        metric().protocol(Digits(), GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (1, 28, 28)))
    assert_names(refused.value, "the model", "reconstructions", "autoencoder")
    with pytest.raises(ValueError) as refused:
        metric(samples=1001).protocol(Digits(), autoencoder((1, 28, 28), lambda x: x))
    assert_names(refused.value, "samples = 1001 ", "test split", "Set samples = 1000 ")
    with pytest.raises(ValueError, match="reconstructions.*not finite"):
        similarity(metric(), lambda y: y / 0, images(2, 1, 12, 12))


def test_images_smaller_than_the_window_are_refused():
    data = StandIn(shape=(1, 10, 30))
    with pytest.raises(ValueError) as refused:
        SSIM().protocol(data, autoencoder((1, 10, 30), lambda x: x))
    assert_names(refused.value, "10 x 30", "11 x 11", "psnr")
    assert SSIM().protocol(StandIn(shape=(1, 11, 11)), autoencoder((1, 11, 11), lambda x: x))


def test_an_infinite_psnr_and_an_ssim_of_uniform_images_are_refused():
    x = images(6, 1, 12, 12)
    x[2] = 0
    with pytest.raises(ValueError) as refused:
        similarity(PSNR(), lambda y: 0.5 * y, x)
    assert_names(refused.value, "1 of 6 images", "infinite", "reconstruction-error")
    grey = torch.full((6, 1, 12, 12), 0.5) * torch.arange(6)[:, None, None, None] / 6
    colour = torch.tensor([0.2, 0.4, 0.9])[:, None, None].expand(6, 3, 12, 12)
    for uniform in (grey, colour):
        with pytest.raises(ValueError) as refused:
            similarity(SSIM(), lambda y: 0.5 * y, uniform)
        assert_names(refused.value, "all 6 images", "structure")
    assert similarity(SSIM(), lambda y: 0.5 * y, x) < 1


# Other errors


def reported(reconstruction_error, metric_error, x, then=lambda x: x):
    model = autoencoder(tuple(x.shape[1:]), then)
    model.reconstruction_error = reconstruction_error
    metric = ReconstructionErrorMetric(error=metric_error)
    return metric.protocol(Digits(), model), metric.compute(Evaluation(model, Digits(), [], x.split(2)))


def test_another_error_is_reported_per_coordinate_and_named_in_the_protocol():
    x = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    protocol, value = reported(SquaredError(), L1(), x, lambda x: 0.5 * x)
    assert value == pytest.approx(0.5 * x.mean().item(), rel=1e-6)
    assert protocol.details["error"] == "l1" and "clamped" in protocol.details["range"]
    protocol, value = reported(SquaredError(), SSIM_ERROR(window=7), x)
    assert value == pytest.approx(0, abs=1e-6) and protocol.details["error"] == "ssim (window 7)"
    assert "error" not in reported(L1(), None, x)[0].details


def test_the_squared_error_of_a_decoder_of_logits_is_that_of_its_pictures():
    x = 0.8 * torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0)) + 0.1
    assert reported(BCE(), None, x, torch.logit)[1] == pytest.approx(0, abs=1e-9)
    protocol, value = reported(BCE(), BCE(), x, torch.logit)
    entropy = -(x * x.log() + (1 - x) * (1 - x).log()).mean().item()
    assert value == pytest.approx(entropy, rel=1e-5) and "sigmoid" in protocol.details["range"]


def test_an_error_of_logits_is_refused_for_a_decoder_of_samples():
    with pytest.raises(ValueError, match="logits") as refused:
        reported(SquaredError(), BCE(), torch.rand(2, 1, 28, 28))
    assert_names(refused.value, '"bce"', "[model] error")


def test_an_error_that_is_not_defined_for_the_data_is_refused_by_the_protocol():
    model = autoencoder((2,), lambda x: x)
    with pytest.raises(ValueError, match="images"):
        ReconstructionErrorMetric(error=SSIM_ERROR()).protocol(EightGaussians(), model)
