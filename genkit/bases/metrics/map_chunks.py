"""Maps of chunks of images, with the masks that come with the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.scoring import SEED
from genkit.core.dataset import MASK, Dataset, Samples
from genkit.core.maps import smoothed
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import Score


class MaskedChunk(NamedTuple):
    """Maps of some pictures, and which of their pixels are abnormal."""

    maps: np.ndarray
    """The maps, (b, H, W) float32."""
    masks: np.ndarray
    """True for abnormal pixels, (b, H, W)."""


def raw_maps(model: Autoencoder, score: Score, smooth: float, x: Tensor) -> np.ndarray:
    """Return the maps of images, (b, C, H, W) -> (b, H, W) float32, smoothed by `smooth` pixels.

    Raises `ValueError` if the score does not return one number a pixel.
    """
    with model.given(None):  # a score judges samples whose class is unknown
        found = score.map(model, x, noise_of_samples(SEED, "score", x))
    expected = (len(x), *x.shape[2:])
    if found.shape != expected:
        raise ValueError(
            f"the map of the score {type(score).__name__} has the shape {tuple(found.shape)} for {len(x)} images of "
            f"{tuple(x.shape[1:])}. Return one number a pixel, {expected}"
        )
    maps: np.ndarray = smoothed(found.detach().cpu().double(), smooth).float().numpy()
    return maps


def require_smooth(smooth: float, shape: tuple[int, ...]) -> None:
    """Raise `ValueError` for a smoothing that is negative, or wider than images of this shape, (C, H, W)."""
    if not 0 <= smooth <= max(shape[1:]):
        raise ValueError(f"smooth = {smooth:g}: expected 0 to {max(shape[1:])} pixels, the longer side of a map")


def masked_maps(model: Autoencoder, score: Score, smooth: float, x: Tensor) -> MaskedChunk:
    """Return the maps and the masks of images of a `WithMasks`, (b, C + 1, H, W)."""
    return MaskedChunk(raw_maps(model, score, smooth, x[:, :-1]), (x[:, -1] > 0).cpu().numpy())


@dataclass(frozen=True)
class WithMasks:
    """Images whose last channel is their mask: 1 for abnormal pixels. So metrics read both at once."""

    data: Dataset

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image with its mask, (C + 1, H, W)."""
        channels, height, width = self.data.shape
        return (channels + 1, height, width)

    @property
    def split(self) -> str:
        """The split of the data."""
        return self.data.split

    @property
    def size(self) -> int | None:
        """The number of images."""
        return self.data.size

    def unmet(self) -> tuple[str, ...]:
        """Return what the data lack."""
        return self.data.unmet()

    def held_out(self) -> WithMasks:
        """Return the held-out split with its masks."""
        return WithMasks(self.data.held_out())

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the images with their masks, (B, C + 1, H, W). Raises `ValueError` for masks of another shape."""
        samples = self.data.batch(indices, noise)
        mask = _mask_of(samples.x, samples.extra)
        return Samples(torch.cat([samples.x, mask[:, None].to(samples.x)], dim=1))


def _mask_of(x: Tensor, extra: Mapping[str, Tensor]) -> Tensor:
    mask = extra.get(MASK)
    expected = (len(x), *x.shape[2:])
    if mask is None or tuple(mask.shape) != expected:
        found = "are missing" if mask is None else f"have the shape {tuple(mask.shape)}"
        raise ValueError(f'the masks of `other`, extra["{MASK}"], {found}; expected {expected}')
    return mask != 0
