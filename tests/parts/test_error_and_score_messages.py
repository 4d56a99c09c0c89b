"""Messages of reconstruction errors, scores and detection, compared with tests/golden/errors_and_scores.txt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from genkit.api import GAN, Autoencoder, ReconstructionError
from genkit.bases.metrics.map_chunks import raw_maps
from genkit.bases.metrics.pixel_ranking import pixel_values, require_few_pixels, require_finite
from genkit.core.score import require_map, require_score
from genkit.evaluation.compute_metrics import protocol_of
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.features import Features as FeatureError
from genkit.parts.errors.ssim import SSIM
from genkit.parts.metrics.detection import AUROC
from genkit.parts.metrics.localisation import Dice, PixelAUROC
from genkit.parts.metrics.log_likelihood import LogLikelihoodMetric
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric
from genkit.parts.models.mlp import MLP
from genkit.parts.scores.elbo import Error
from genkit.parts.scores.features import Features
from genkit.parts.scores.log_likelihood import LogLikelihood
from genkit.parts.scores.mahalanobis import Mahalanobis
from genkit.recipe.trial.try_model import try_error


def model(error=None, shape=(1, 28, 28)):
    made = MLP(latent_dim=2, width=8, layers=1, data_shape=shape)
    if error is not None:
        made.reconstruction_error = error
    return made


GAN_OF_POINTS = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
PLAIN = Autoencoder(nn.Linear(2, 2), nn.Linear(2, 2), 2, (2,))
IMAGES, POINTS = torch.zeros(2, 1, 8, 28), torch.zeros(2, 2)
OTHER = StandIn(shape=(1, 28, 28), size=50)


SMALL = StandIn(shape=(1, 8, 8), size=50)


@dataclass(frozen=True)
class Worst(ReconstructionError):
    """An error that is no sum over pixels."""

    def __call__(self, x, output, /):
        return (x - output).abs().flatten(1).amax(dim=1)


@dataclass(frozen=True)
class Flat(Error):
    """A score whose map has no rows."""

    def map(self, model, x, noise, /):
        return x.flatten(1)


def protocol(metric, data=None, of=None):
    return protocol_of(metric, data or Digits(), of or model())


MISTAKES = {
    "an error for a GAN": lambda: try_error(GAN_OF_POINTS, (2,)),
    "bce for points": lambda: BCE()(POINTS, POINTS),
    "ssim for points": lambda: SSIM()(POINTS, POINTS),
    "ssim for small pictures": lambda: SSIM()(IMAGES, IMAGES),
    "an even window": lambda: SSIM(window=8),
    "features of a network that has none": lambda: FeatureError().of(PLAIN)(POINTS, POINTS),
    "an error of logits as a metric": lambda: protocol(ReconstructionErrorMetric(error=BCE())),
    "a score of a GAN": lambda: require_score(Features(), GAN_OF_POINTS),
    "features as a score": lambda: require_score(Features(), PLAIN),
    "a likelihood without a density": lambda: require_score(LogLikelihood(), model(SSIM())),
    "a variance of bce": lambda: protocol(LogLikelihoodMetric(variance=0.5), of=model(BCE())),
    "a likelihood of grey pixels": lambda: BCE().log_density(IMAGES + 0.5, IMAGES, None),
    "another shape": lambda: protocol(AUROC(StandIn(shape=(3, 32, 32)))),
    "the same set": lambda: protocol(AUROC(Digits())),
    "a class of the data": lambda: protocol(AUROC(Digits(classes=(9,)))),
    "samples that were trained on": lambda: protocol(AUROC(Digits(classes=(9,)), other_split="train")),
    "masked pictures that were trained on": lambda: protocol(
        Dice(StrokeDigits(), other_split="train"), data=StrokeDigits()
    ),
    "no samples": lambda: protocol(AUROC(StandIn(shape=(1, 28, 28), size=0))),
    "too few samples": lambda: protocol(AUROC(OTHER, other_samples=5000)),
    "too few samples to fit": lambda: protocol(AUROC(OTHER, Mahalanobis(samples=9000))),
    "too few samples of the data": lambda: protocol(AUROC(OTHER, samples=9000)),
    "a score without a map": lambda: require_map(Mahalanobis(), model()),
    "a map of points": lambda: require_map(Error(), PLAIN),
    "a map of features without positions": lambda: require_map(Features(), model()),
    "an error without a map": lambda: require_map(Error(), model(Worst())),
    "a map of the wrong shape": lambda: raw_maps(model(), Flat(), 0.0, torch.zeros(2, 1, 28, 28)),
    "no masks": lambda: protocol(PixelAUROC(OTHER)),
    "masks of another shape": lambda: protocol(PixelAUROC(StrokeDigits()), of=model(shape=(1, 8, 8)), data=SMALL),
    "too few masks": lambda: protocol(PixelAUROC(StrokeDigits(), other_samples=1001)),
    "samples without a rate": lambda: protocol(Dice(StrokeDigits(), samples=20)),
    "a rate of less than a pixel": lambda: protocol(Dice(StrokeDigits(), samples=1, fpr=1e-4)),
    "one class of pixels": lambda: pixel_values([(np.zeros((1, 2, 2)), np.ones((1, 2, 2), bool))], 4),
    "too many pixels": lambda: require_few_pixels(2**29),
    "maps that are not finite": lambda: require_finite(np.array([1.0, np.nan])),
    "a density as the other set": lambda: protocol(AUROC(EightGaussians())),
}


def test_the_messages(golden):
    messages = []
    for mistake, make in MISTAKES.items():
        with pytest.raises(ValueError) as refused:
            make()
        messages.append(f"{mistake}:\n    {refused.value}\n")
    golden("errors_and_scores", "".join(messages))
