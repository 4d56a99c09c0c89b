"""Normalisation layers by name: all networks offer the same four.

    y = γ·(x - E[x]) / √(Var[x] + ε) + β,   γ and β: one number for each channel

    batch        E and Var of each channel, over batch and positions; in evaluation mode their running averages
    sync-batch   the same, over the batch of all processes
    group        E and Var of each sample, over eight channels and all positions; over all channels, as in layer norm,
                 if their number is not a multiple of eight
    none         y = x

Batch norm: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167. Group norm: Wu & He 2018,
https://arxiv.org/abs/1803.08494; it depends neither on the batch nor on running statistics, so it computes the same in
training and in evaluation, and on one process and on many. This is not true of a batch norm. If one network reads data,
reconstructions and samples in turn, the running statistics of its batch norms are those of the mixture
(docs/networks.md).

Deviation: torch's SyncBatchNorm does not support CPU tensors with more than one process. The layer here supports all
devices. Its weights and buffers have the names of `torch.nn.BatchNorm2d`.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from genkit.core.collectives import number_of_processes, total

Norm = Literal["batch", "sync-batch", "group", "none"]
"""Normalisation of the layers of a network."""

GROUP = 8  # channels in a group


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return a normalisation layer for feature maps, (B, channels, H, W).

    Every norm except "none" subtracts a mean and adds its own β, so the convolution before it needs no bias.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "sync-batch":
        return SyncBatchNorm(channels)
    if norm == "group":
        return nn.GroupNorm(channels // GROUP if channels % GROUP == 0 else 1, channels)
    return nn.Identity()


class SyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batch of all processes, with an equal number of rows on each process.

    In training mode all processes must call it equally often. With one process, in evaluation mode, and on the meta
    device it is `torch.nn.BatchNorm2d`, bit for bit.
    """

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalised, (B, C, H, W) -> (B, C, H, W)."""
        processes = number_of_processes()
        if processes == 1 or not self.training or x.is_meta:
            return super().forward(x)

        # Computed in the precision of the weights: under autocast x has half the precision.
        values = x.to(self.weight.dtype)
        count = processes * x.numel() // x.shape[1]
        mean = total(values.sum(dim=(0, 2, 3))) / count
        # Summed again over centred values: E[x²] - E[x]² loses the digits of float32 if the mean is large.
        centred = values - mean[:, None, None]
        variance = total(centred.square().sum(dim=(0, 2, 3))) / count
        self._update_running_statistics(mean.detach(), variance.detach() * count / (count - 1))

        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _update_running_statistics(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)
