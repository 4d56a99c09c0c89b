"""Binary cross-entropy, R(x, l) = Σ softplus(l) - x·l over the components of a sample, for logits l of the decoder.

For pixels 0 and 1 it is exactly -log p(x|z) of a Bernoulli decoder, in nats. For grey pixels it is a loss, not a
likelihood, and its smallest value, at sigmoid(l) = x, is the entropy Σ -x·log x - (1 - x)·log(1 - x), not 0.

The decoder returns logits, and a sample is sigmoid(l), always within [0, 1]: `Autoencoder.as_sample` computes it
wherever a sample is shown, measured or encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from genkit.api import Autoencoder, Link, ReconstructionError, summed_over_channels


@dataclass(frozen=True)
class BCE(ReconstructionError):
    """Binary cross-entropy of images; the decoder returns logits. For pixels 0 and 1 it is -log p(x|z) in nats."""

    @property
    def link(self) -> Link:
        """Samples are the sigmoid of the decoder's output."""
        return "sigmoid"

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample for logits `output`, (B, C, H, W) -> (B,).

        Raises `ValueError` for samples that are not images: only images are sure to be in [0, 1].
        """
        if x.dim() != 4:
            raise ValueError(
                f"the error bce needs data in [0, 1], which are images, but samples have the shape "
                f'{tuple(x.shape[1:])}. Use "squared" or "l1"'
            )
        return (softplus(output) - x * output).flatten(1).sum(dim=1)

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each pixel, summed over its channels, (B, C, H, W) -> (B, H, W)."""
        return summed_over_channels(softplus(output) - x * output)

    def log_density(self, x: Tensor, output: Tensor, variance: float | None) -> Tensor:
        """Return the log-probability of a Bernoulli decoder, (B, C, H, W) -> (B,).

        Raises `ValueError` for a variance, which a Bernoulli decoder does not have, and for grey pixels. On the meta
        device pixels have no values, and are not checked.
        """
        if variance is not None:
            raise ValueError(f"variance = {variance:g}: the error bce has no variance. Leave it out")
        grey = 0.0 if x.is_meta else ((x != 0) & (x != 1)).double().mean().item()
        if grey:
            raise ValueError(
                f"the error bce is a likelihood of pixels 0 and 1 only, and {max(100 * grey, 0.1):.1f} % of these are "
                "grey. Leave the likelihood out, use pictures of black and white only, or train with "
                '[model] error = "squared"'
            )
        return -self(x, output).double()
