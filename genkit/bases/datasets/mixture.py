"""Base class of mixtures of equally weighted isotropic Gaussians; metrics can count their modes."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from genkit.bases.datasets.density import DensitySet
from genkit.core.dataset import Samples
from genkit.core.noise import Noise
from genkit.core.transfer import to_device


class GaussianMixture(DensitySet):
    """p(x) = 1/M Σ_m N(x; centres_m, std²·I); a subclass defines `centres`, `std` and `half_width`."""

    @property
    @abstractmethod
    def centres(self) -> Tensor:
        """The modes, (M, D) float64."""

    @property
    @abstractmethod
    def std(self) -> float:
        """The standard deviation of each Gaussian in every direction."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, (D,)."""
        return (self.centres.shape[1],)

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return one fresh point for each row of `noise`, (B, D); `indices`, (B,), has no effect."""
        mode = noise.randint("mode", len(self.centres))
        spread = noise.randn("spread", *self.shape)
        return Samples(to_device(self.centres, spread.device, spread.dtype)[mode] + self.std * spread)
