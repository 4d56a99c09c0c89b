"""Script for two processes: compares SyncBatchNorm with torch's batch norm over the whole batch."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from genkit.core.layers.norm import SyncBatchNorm
from genkit.storage.weights import write_tensors

ROWS, CHANNELS = 6, 3


def results_of(norm: nn.BatchNorm2d, rows: slice, share: int) -> dict[str, Tensor]:
    """Return values and gradients of a loss that couples rows and channels. `share` processes share the rows."""
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, ROWS, CHANNELS, 4, 5, generator=generator, dtype=torch.float64)
    x = (50 + 3 * x[rows]).requires_grad_()
    norm.weight.data = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    for _ in range(2):  # twice, so that the running statistics change twice
        y = norm(x)
    (y.sin() * weight[rows]).sum().backward()
    gradients = {"weight": norm.weight.grad, "bias": norm.bias.grad}
    if share > 1:
        for gradient in gradients.values():
            dist.all_reduce(gradient)
    evaluated = norm.eval()(x).detach()
    return {"y": y.detach(), "x": x.grad, **gradients, "evaluated": evaluated, **dict(norm.named_buffers())}


def main() -> None:
    """Write the differences between the results of this process and the results over all rows."""
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    rows = slice(rank * ROWS // size, (rank + 1) * ROWS // size)
    whole = results_of(nn.BatchNorm2d(CHANNELS).double(), slice(None), 1)
    part = results_of(SyncBatchNorm(CHANNELS).double(), rows, size)
    cut = {name: value[rows] if len(value.shape) == 4 else value for name, value in whole.items()}
    differences = {name: (part[name] - cut[name]).abs().max().double() for name in cut}
    write_tensors(Path(f"{sys.argv[1]}-{rank}"), differences)
    dist.destroy_process_group()


main()
