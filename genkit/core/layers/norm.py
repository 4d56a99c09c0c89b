"""What may stand where a network has a norm, by name, so that every network offers the same four.

    y = γ·(x - E[x]) / √(Var[x] + ε) + β,   γ and β one number a channel

    batch        E and Var over the batch and the positions, of each channel; running averages of them when evaluating
    sync-batch   the same over the batch of all processes
    group        E and Var over eight channels and the positions, of each sample
    none         y = x

Batch norm: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167. Group norm: Wu & He 2018,
https://arxiv.org/abs/1803.08494; it knows neither batches nor running statistics, so that training and evaluation, one
process and many, compute the same. A batch norm does not, and where one network sees data, reconstructions and samples
in turn, its running statistics are of all three and of none (docs/networks.md).

Deviation: torch's own SyncBatchNorm refuses tensors on the CPU once there is more than one process; the one here
computes everywhere, in a few plain operations. Its weights and buffers have the names of `torch.nn.BatchNorm2d`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

Norm = Literal["batch", "sync-batch", "group", "none"]

GROUP = 8  # channels that are normalised together


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return the norm of feature maps, (B, channels, H, W).

    Each but "none" subtracts a mean and adds a shift of its own, so a convolution before it has next to no use for a
    bias: give it one only where the norm is "none".
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "sync-batch":
        return SyncBatchNorm(channels)
    if norm == "group":
        return nn.GroupNorm(channels // GROUP if channels % GROUP == 0 else 1, channels)
    return nn.Identity()


class SyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batch of all processes, each of which has as many rows of it.

    While training it must be called equally often on every process. With one process, when evaluating, and on shapes
    alone it is `torch.nn.BatchNorm2d`, bit for bit.
    """

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return x, (B, C, H, W), normalised."""
        processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        if processes == 1 or not self.training or x.is_meta:
            return super().forward(x)

        # In the precision of the weights: under autocast x comes in half of it.
        values = x.to(self.weight.dtype)
        count = processes * x.numel() // x.shape[1]
        mean = _Total.apply(values.sum(dim=(0, 2, 3))) / count
        # A second sum, of the centred values: E[x²] - E[x]² would lose what a large mean leaves of float32.
        centred = values - mean[:, None, None]
        variance = _Total.apply(centred.square().sum(dim=(0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))

        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _follow(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)


class _Total(torch.autograd.Function):
    """The sum over all processes, whose gradient sums what every process asks of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return _Total.apply(upstream.contiguous())
