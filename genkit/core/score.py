"""Interface of scores: how abnormal each sample is to a trained model.

A *score* is a frozen dataclass whose fields are the keys of the table that names it, such as ``[metrics.LABEL.score]``.
It is a function of a model in evaluation mode, of samples, and of noise, with one number for each sample: the higher,
the more abnormal. A minimal score:

    from dataclasses import dataclass

    from torch import Tensor

    from genkit.api import Autoencoder, Noise, Score

    @dataclass(frozen=True)
    class WorstPixel(Score):
        def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
            return (x - model.reconstruct(x)).abs().flatten(1).amax(dim=1)

The score of a sample must depend on no other sample of x: `genkit.core.sample_noise` gives each row noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import torch

from genkit.core.model import Autoencoder, Model, evaluating
from genkit.core.noise import Noise
from genkit.core.part_name import bare_name
from genkit.core.sample_noise import noise_of_samples

if TYPE_CHECKING:
    from torch import Tensor


class Score(Protocol):
    """Score of samples, higher for more abnormal ones. Derive from it; only `__call__` must be implemented."""

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B, *data_shape) -> (B,)."""
        ...

    def map(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the share of each pixel in the score of images, (B, C, H, W) -> (B, H, W); the sum is the score.

        Raises `ValueError` for a score that is no sum over pixels; this one is for such scores.
        """
        raise ValueError(
            f"the score {bare_name(self)} is no sum over pixels, so it has no map. Use a score that has one, such "
            "as error or features"
        )

    @property
    def samples_to_fit(self) -> int:
        """Number of training samples that the score is fitted to; 0 for a score that needs none."""
        return 0

    def fitted(self, model: Autoencoder, normal: Iterable[Tensor]) -> Score:
        """Return the score fitted to training samples, which come in chunks, (b, *data_shape)."""
        return self

    def check(self, model: Autoencoder) -> None:
        """Raise `ValueError` if the model cannot give the score. It may be on the meta device."""
        return

    def implied(self, model: Autoencoder) -> Mapping[str, str | float]:
        """Return the values of keys that are not set and that the model decides, by key, so that protocols name them.

        The model may be on the meta device.
        """
        return {}


def require_score(score: Score, model: Model) -> Autoencoder:
    """Return the model. Raises `ValueError` if it cannot give the score."""
    if not isinstance(model, Autoencoder):
        raise ValueError(
            "the model has no encoder, so it cannot score samples; scores need an autoencoder. Leave this metric out"
        )
    if model.needs_class:
        raise ValueError(
            "the networks of the model need the class of each sample, and a score judges samples of unknown class. "
            'Leave it out, or condition the prior instead: [model.prior] use = "per-class"'
        )
    score.check(model)
    return model


def require_map(score: Score, model: Model) -> Autoencoder:
    """Return the model. Raises `ValueError` if it cannot give a map of the score."""
    autoencoder = require_score(score, model)
    if len(autoencoder.data_shape) != 3:
        raise ValueError(f"only images have a map, but the model takes samples of the shape {autoencoder.data_shape}")
    x = torch.zeros(2, *autoencoder.data_shape).to(next(autoencoder.parameters(), torch.zeros(())))
    with evaluating(autoencoder):
        score.map(autoencoder, x, noise_of_samples(0, "map", x))
    return autoencoder
