"""Messages of metrics and extractors, compared with tests/golden/metrics.txt."""

import math
from dataclasses import dataclass

import pytest
import torch
from support.evaluations import evaluation_of, normal, value
from torch import nn

from genkit.api import GAN, Autoencoder, Evaluation, features_of
from genkit.errors import UsageError
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.extractors import digits
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.inception import Inception
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.density_coverage import DensityMetric
from genkit.parts.metrics.frechet import FID, FrechetDistance
from genkit.parts.metrics.histogram import HistogramKL
from genkit.parts.metrics.kernel import KernelDistance
from genkit.parts.metrics.modes import Modes
from genkit.parts.metrics.posterior import ActiveUnits, PosteriorKL
from genkit.parts.metrics.psnr import PSNR
from genkit.parts.metrics.published_2d import ReferenceKL
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric
from genkit.parts.metrics.sliced_wasserstein import SlicedWasserstein
from genkit.parts.metrics.ssim import SSIM
from genkit.parts.models.mlp import MLP

POINTS, IMAGES = EightGaussians(), Digits()
COLOUR, SMALL = StandIn(shape=(3, 28, 28), size=9000), StandIn(shape=(1, 10, 30), size=9000)


@dataclass(frozen=True)
class Misstating(Pixels):
    """An extractor whose width is wrong."""

    def width(self, shape):
        return 3


def refusal(call, *arguments):
    """Return the message of a call that is refused."""
    with pytest.raises((ValueError, UsageError)) as refused:
        call(*arguments)
    return str(refused.value)


def refused_settings():
    """Yield each metric whose keys do not fit each other, or the data, with the message."""
    autoencoder = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
    yield "sliced-wasserstein", refusal(SlicedWasserstein(samples=1001).protocol, IMAGES, None)
    yield (
        "reconstruction-error",
        refusal(ReconstructionErrorMetric(split="train").protocol, Digits(split="test"), autoencoder),
    )
    yield "reconstruction-error", refusal(ReconstructionErrorMetric().protocol, POINTS, gan)
    yield "psnr", refusal(PSNR().protocol, POINTS, autoencoder)
    yield "ssim", refusal(SSIM().protocol, POINTS, autoencoder)
    yield "ssim", refusal(SSIM().protocol, SMALL, autoencoder)
    yield "active-units", refusal(ActiveUnits().protocol, POINTS, gan)
    yield "active-units", refusal(ActiveUnits().protocol, StandIn(shape=(2,), size=1), autoencoder)
    yield "posterior-kl", refusal(lambda: PosteriorKL(of="fake", split="train"))
    yield "frechet-distance", refusal(FrechetDistance(Pixels(), samples=10).protocol, IMAGES, None)
    small = StandIn(shape=(1, 28, 28), size=784)
    yield "frechet-distance", refusal(FrechetDistance(Pixels(), split="train").protocol, small, None)
    yield "fid", refusal(FID, DigitFeatures())
    yield "kernel-distance", refusal(lambda: KernelDistance(Pixels(), samples=500, subset_size=501))
    yield "density", refusal(lambda: DensityMetric(Pixels(), samples=5))
    yield "class-imbalance", refusal(ClassImbalance().protocol, COLOUR, None)
    yield "modes", refusal(Modes().protocol, IMAGES, None)
    yield "modes", refusal(Modes(min_share=0.5).protocol, POINTS, None)
    yield "histogram-kl", refusal(lambda: HistogramKL(samples=100))
    yield "histogram-kl", refusal(HistogramKL().protocol, IMAGES, None)


def refused_values():
    """Yield each metric that has no value for given samples, with the reason."""
    good, bad, same = normal(100, 2), normal(100, 2), torch.ones(100, 2)
    bad[3, 1] = math.nan
    yield "sliced-wasserstein", refusal(value, SlicedWasserstein(), bad, good)
    yield "sliced-wasserstein", refusal(value, SlicedWasserstein(), same, good)
    yield "reference-kl", refusal(value, ReferenceKL(), good, bad)
    yield "reference-kl", refusal(value, ReferenceKL(), good + 100, good)
    yield "precision", refusal(features_of, evaluation_of(good, good), "generated", Misstating())

    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    yield "active-units", refusal(ActiveUnits().compute, Evaluation(model, POINTS, [], [same]))
    yield "posterior-kl", refusal(PosteriorKL().compute, Evaluation(model, POINTS, [], [bad]))
    yield "reconstruction-error", refusal(ReconstructionErrorMetric().compute, Evaluation(model, POINTS, [], [bad]))
    identity = Autoencoder(Identity(), nn.Identity(), 144, (1, 12, 12))
    uniform = Evaluation(identity, StandIn(shape=(1, 12, 12)), [], [torch.zeros(6, 1, 12, 12)])
    yield "psnr", refusal(PSNR().compute, uniform)
    yield "ssim", refusal(SSIM().compute, uniform)


class Identity(nn.Module):
    """An encoder whose posterior mean is the sample."""

    def forward(self, x):
        from genkit.api import DiagNormal

        return DiagNormal(x, torch.zeros_like(x))


def extractor_problems(folder, monkeypatch):
    """Yield each extractor that cannot be used, with the message."""
    yield "digits", refusal(DigitFeatures().width, (3, 28, 28))
    yield "inception", refusal(Inception("x").width, (2,))
    monkeypatch.setattr(digits, "FILE", folder / "digits.safetensors")
    yield "digits", refusal(DigitFeatures(), torch.zeros(1, 1, 28, 28))
    (folder / "changed.pth").write_bytes(b"changed")
    for name in ("missing.pth", "changed.pth", "."):
        yield "inception", refusal(Inception(folder / name), torch.zeros(1, 3, 8, 8))
    (folder / "file").touch()
    monkeypatch.setenv("GENKIT_CACHE", str(folder / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(folder / "file"))
    with pytest.warns(UserWarning) as warned:
        yield "pixels", refusal(features_of, evaluation_of(normal(9, 2), normal(9, 2)), "generated", Pixels())
    yield "pixels", warned[0].message


def test_messages(golden, tmp_path, monkeypatch):
    sections = {
        "A metric that a plan refuses": refused_settings(),
        "A metric without a value": refused_values(),
        "An extractor": extractor_problems(tmp_path, monkeypatch),
    }
    lines = []
    for title, messages in sections.items():
        lines += [f"# {title}", *(f"{name}: {message}" for name, message in messages), ""]
    golden("metrics", "\n".join(lines))
