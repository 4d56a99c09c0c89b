"""Inception network of the Fréchet Inception distance, as published by TensorFlow on 2015-12-05.

Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", https://arxiv.org/abs/1512.00567. The
weights require three differences from the paper and from the usual Inception v3: average pools do not count the zeros
that pad a feature map; the last block has a max pool instead of an average pool; the classifier, which is not needed
here, has 1,008 classes. Attributes have the names of the weights in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INCEPTION_SIZE = 299  # pixels, height and width of the training images
INCEPTION_FEATURES = 2048

Kernel = int | tuple[int, int]
Branches = dict[str, list[tuple[int, Kernel]]]
average_pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
max_pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
halving_pool = partial(F.max_pool2d, kernel_size=3, stride=2)


class ConvNormReLU(nn.Module):
    """Convolution, batch norm and ReLU. Zero padding keeps the size of a feature map, unless `shrinks`."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, *, shrinks: bool = False):
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (0, 0) if shrinks else (sides[0] // 2, sides[1] // 2)
        self.conv = nn.Conv2d(before, after, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, before, H, W) to (B, after, H', W')."""
        return F.relu(self.bn(self.conv(x)))


class InceptionBlock(nn.Module):
    """Parallel branches of convolutions and a pool, concatenated along the channels.

    A branch is a list of (channels, kernel). Its convolutions are numbered if there are several. A branch in `forks`
    ends in two parallel convolutions, 1 x 3 and 3 x 1. A convolution maps the pool to `pooled` channels, or there is
    none if `pooled` is 0. With `halves`, the last convolution of each branch has stride 2, as the pool must have.
    """

    def __init__(
        self,
        before: int,
        branches: Branches,
        pool: Callable[[Tensor], Tensor],
        pooled: int = 0,
        *,
        forks: tuple[str, ...] = (),
        halves: bool = False,
    ):
        super().__init__()
        self.pool = pool
        self.branches: list[list[list[str]]] = []  # names of modules: branch, layer, parallel convolutions
        for name, layers in branches.items():
            branch: list[list[str]] = []
            width = before
            for number, (channels, kernel) in enumerate(layers, 1):
                last = number == len(layers)
                layer = name if len(layers) == 1 else f"{name}_{number}"
                kernels = {"a": (1, 3), "b": (3, 1)} if last and name in forks else {"": kernel}
                branch.append([layer + suffix for suffix in kernels])
                for suffix, size in kernels.items():
                    stride = 2 if halves and last else 1
                    self.add_module(layer + suffix, ConvNormReLU(width, channels, size, stride, shrinks=stride == 2))
                width = channels
            self.branches.append(branch)
        if pooled:
            self.branch_pool = ConvNormReLU(before, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, before, H, W) to the channels of all branches and of the pool."""
        outputs = []
        for *layers, last in self.branches:
            inner = x
            for (name,) in layers:
                inner = self.get_submodule(name)(inner)
            outputs += [self.get_submodule(name)(inner) for name in last]
        pool = self.pool(x)
        return torch.cat([*outputs, self.branch_pool(pool) if hasattr(self, "branch_pool") else pool], dim=1)


def _block_a(before: int, pooled: int) -> InceptionBlock:
    """Return a block for feature maps of 35 x 35 (InceptionA in torchvision)."""
    branches: Branches = {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
    }
    return InceptionBlock(before, branches, average_pool, pooled)


def _block_c(inner: int) -> InceptionBlock:
    """Return a block for feature maps of 17 x 17, with 7 x 7 factorised (InceptionC in torchvision)."""
    branches: Branches = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(inner, 1), (inner, (1, 7)), (192, (7, 1))],
        "branch7x7dbl": [(inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))],
    }
    return InceptionBlock(768, branches, average_pool, 192)


def _block_e(before: int, pool: Callable[[Tensor], Tensor]) -> InceptionBlock:
    """Return a block for feature maps of 8 x 8 (InceptionE in torchvision)."""
    branches: Branches = {
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), (384, 3)],
        "branch3x3dbl": [(448, 1), (384, 3), (384, 3)],
    }
    return InceptionBlock(before, branches, pool, 192, forks=("branch3x3", "branch3x3dbl"))


class InceptionNetwork(nn.Module):
    """Map colour images, (B, 3, 299, 299) in [-1, 1], to the 2,048 features of the last pool."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNormReLU(3, 32, 3, 2, shrinks=True)
        self.Conv2d_2a_3x3 = ConvNormReLU(32, 32, 3, shrinks=True)
        self.Conv2d_2b_3x3 = ConvNormReLU(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvNormReLU(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNormReLU(80, 192, 3, shrinks=True)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        to_17: Branches = {
            "branch3x3": [(384, 3)],
            "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
        }
        self.Mixed_6a = InceptionBlock(288, to_17, halving_pool, halves=True)
        self.Mixed_6b = _block_c(128)
        self.Mixed_6c = _block_c(160)
        self.Mixed_6d = _block_c(160)
        self.Mixed_6e = _block_c(192)
        to_8: Branches = {
            "branch3x3": [(192, 1), (320, 3)],
            "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)],
        }
        self.Mixed_7a = InceptionBlock(768, to_8, halving_pool, halves=True)
        self.Mixed_7b = _block_e(1280, average_pool)
        self.Mixed_7c = _block_e(2048, max_pool)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x, (B, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halving_pool(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(halving_pool(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean(dim=(2, 3))
