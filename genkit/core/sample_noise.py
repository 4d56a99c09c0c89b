"""Noise of samples: random numbers that are a function of the seed and of the sample itself.

So the score of a sample does not depend on its place in a data set, on the samples beside it, or on the number of
processes. Two equal samples have equal noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.noise import Noise, Rows, seed_of


def noise_of_samples(seed: int, source: str, x: Tensor) -> Noise:
    """Return noise with a row for each of the samples x, (B, *data_shape), on their device and in their dtype."""
    return SampleNoise(seed, 0, source, Rows.all(len(x)), x.device, x.dtype, x)


@dataclass(frozen=True)
class SampleNoise(Noise):
    """Noise whose rows depend on the samples. They are only read once numbers are drawn."""

    x: Tensor | None = None

    def _draw(self, make: Callable[..., Tensor], tag: str, shape: tuple[int, ...]) -> Tensor:
        assert self.x is not None
        if self.device.type == "meta":
            return make((len(self.x), *shape), device=self.device)
        rows = self.x.detach().float().cpu().contiguous().numpy()
        key = (self.seed, self.step, self.source, tag)
        seeds = [seed_of(*key, hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest()) for row in rows]
        drawn = [make(shape, generator=torch.Generator().manual_seed(each)) for each in seeds]
        return torch.stack(drawn).to(self.device)
