"""The Inception network of the Fréchet Inception distance, as TensorFlow published it on 2015-12-05.

Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", https://arxiv.org/abs/1512.00567. This
one differs from the paper, and from what is usually called Inception v3, in three places, as the weights demand: an
average pool does not count the zeros that pad a map; the last block has a max pool in the place of an average; and the
classifier, which is not needed here, has 1,008 classes. Names of modules are those of the file of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299  # pixels that the network was trained on, each way
FEATURES = 2048

Kernel = int | tuple[int, int]
average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
maximum = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
halve = partial(F.max_pool2d, kernel_size=3, stride=2)


class Convolution(nn.Module):
    """A convolution, a batch norm and a ReLU; the size of a map stays, unless `shrinks`."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, *, shrinks: bool = False):
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (0, 0) if shrinks else (sides[0] // 2, sides[1] // 2)
        self.conv = nn.Conv2d(before, after, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, before, H, W) to (B, after, H', W')."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Chains of convolutions side by side and a pool, all of the same input, joined along the channels.

    A chain is a list of (channels, kernel). One of several convolutions is numbered; a chain in `forks` ends in two
    convolutions side by side, 1 x 3 and 3 x 1. `pooled` is the number of channels that a convolution makes of the pool,
    0 for none. With `halves` every last convolution and the pool have stride 2.
    """

    def __init__(
        self,
        before: int,
        chains: dict[str, list[tuple[int, Kernel]]],
        pool: Callable[[Tensor], Tensor],
        pooled: int = 0,
        *,
        forks: tuple[str, ...] = (),
        halves: bool = False,
    ):
        super().__init__()
        self.pool = pool
        self.chains: list[list[list[str]]] = []  # names of modules: chain, place in it, side by side
        for name, layers in chains.items():
            places: list[list[str]] = []
            width = before
            for number, (channels, kernel) in enumerate(layers, 1):
                last = number == len(layers)
                called = name if len(layers) == 1 else f"{name}_{number}"
                sides = {"a": (1, 3), "b": (3, 1)} if last and name in forks else {"": kernel}
                places.append([called + suffix for suffix in sides])
                for suffix, side in sides.items():
                    stride = 2 if halves and last else 1
                    self.add_module(called + suffix, Convolution(width, channels, side, stride, shrinks=stride == 2))
                width = channels
            self.chains.append(places)
        if pooled:
            self.branch_pool = Convolution(before, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, before, H, W) to the channels of all chains and of the pool."""
        made = []
        for *places, last in self.chains:
            inner = x
            for (name,) in places:
                inner = self.get_submodule(name)(inner)
            made += [self.get_submodule(name)(inner) for name in last]
        pool = self.pool(x)
        return torch.cat([*made, self.branch_pool(pool) if hasattr(self, "branch_pool") else pool], dim=1)


def _wide(before: int, pooled: int) -> Mixed:
    """The blocks of maps of 35 x 35."""
    chains: dict[str, list[tuple[int, Kernel]]] = {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
    }
    return Mixed(before, chains, average, pooled)


def _factorised(inner: int) -> Mixed:
    """The blocks of maps of 17 x 17, with 7 x 7 taken apart."""
    chains: dict[str, list[tuple[int, Kernel]]] = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(inner, 1), (inner, (1, 7)), (192, (7, 1))],
        "branch7x7dbl": [(inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))],
    }
    return Mixed(768, chains, average, 192)


def _forked(before: int, pool: Callable[[Tensor], Tensor]) -> Mixed:
    """The blocks of maps of 8 x 8."""
    chains: dict[str, list[tuple[int, Kernel]]] = {
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), (384, 3)],
        "branch3x3dbl": [(448, 1), (384, 3), (384, 3)],
    }
    return Mixed(before, chains, pool, 192, forks=("branch3x3", "branch3x3dbl"))


class InceptionNetwork(nn.Module):
    """Colour images, (B, 3, 299, 299) in [-1, 1], to the 2,048 features of the last pool."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, 2, shrinks=True)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3, shrinks=True)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3, shrinks=True)
        self.Mixed_5b = _wide(192, 32)
        self.Mixed_5c = _wide(256, 64)
        self.Mixed_5d = _wide(288, 64)
        to_17: dict[str, list[tuple[int, Kernel]]] = {
            "branch3x3": [(384, 3)],
            "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
        }
        self.Mixed_6a = Mixed(288, to_17, halve, halves=True)
        self.Mixed_6b = _factorised(128)
        self.Mixed_6c = _factorised(160)
        self.Mixed_6d = _factorised(160)
        self.Mixed_6e = _factorised(192)
        to_8: dict[str, list[tuple[int, Kernel]]] = {
            "branch3x3": [(192, 1), (320, 3)],
            "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)],
        }
        self.Mixed_7a = Mixed(768, to_8, halve, halves=True)
        self.Mixed_7b = _forked(1280, average)
        self.Mixed_7c = _forked(2048, maximum)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x, (B, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halve(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(halve(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean(dim=(2, 3))
