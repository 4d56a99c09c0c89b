"""How the weights of the extractor `digits` were made.

    python -m genkit.parts.extractors.train_digits FOLDER_WITH_MNIST OUT.safetensors

It trains on the 60,000 digits of MNIST's train set and on nothing else: ten epochs of Adam with a cosine, each digit
turned, scaled and moved a little, so that the features belong to how a digit is written rather than to where it lies.
No choice was made by looking at test digits. It takes some ten minutes on one core, and prints the accuracy on the
1,000 test digits that are packaged with genkit. On another machine or torch the weights differ in their last digits:
those in the package are what a number is made with, and their SHA-256 is checked.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from genkit.parts.datasets.base.image_set import ImageSet
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.extractors.digit_network import DigitNetwork

EPOCHS, BATCH, PEAK = 10, 128, 3e-3
TURN, SCALE, MOVE = math.radians(10), 0.1, 2 / 14  # the most of each; 14 pixels are half of a side


def train(images: Tensor, labels: Tensor, generator: torch.Generator) -> DigitNetwork:
    """Return the network trained on digits, (N, 1, 28, 28) in [0, 1], and their classes, (N,)."""
    network = DigitNetwork(norms=True)
    steps = EPOCHS * (len(images) // BATCH)
    optimiser = torch.optim.Adam(network.parameters(), lr=PEAK)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step, chosen in enumerate(batches(len(images), steps, generator)):
        logits = network.head(network(moved(images[chosen], generator)))
        loss = F.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: {loss.item():.3f}", flush=True)
    return folded(network.eval())


def batches(size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the indices of each step, (BATCH,): every epoch in an order of its own."""
    each = size // BATCH
    for _ in range(steps // each):
        yield from torch.randperm(size, generator=generator)[: each * BATCH].split(BATCH)


def moved(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return digits, (B, 1, 28, 28), each turned, scaled and moved a little."""
    turn, scale, right, down = (2 * torch.rand(4, len(x), generator=generator) - 1).unbind()
    turn, scale = TURN * turn, 1 + SCALE * scale
    cos, sin = turn.cos() / scale, turn.sin() / scale
    rows = [torch.stack([cos, -sin, MOVE * right], dim=1), torch.stack([sin, cos, MOVE * down], dim=1)]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def folded(network: DigitNetwork) -> DigitNetwork:
    """Return the same function without norms, which are affine once trained."""
    plain = DigitNetwork()
    kept: list[Any] = []
    for layer in network.body:
        if isinstance(layer, nn.BatchNorm2d):
            kept[-1] = fuse_conv_bn_eval(kept[-1], layer)
        else:
            kept.append(layer)
    plain.body = nn.Sequential(*kept)
    plain.head = network.head
    return plain.eval()


def accuracy(network: DigitNetwork, images: Tensor, labels: Tensor) -> float:
    """Return the share of digits whose class is recognised."""
    with torch.no_grad():
        found = torch.cat([network.head(network(x)).argmax(dim=1) for x in images.split(500)])
    return (found == labels).double().mean().item()


def tensors_of(data: ImageSet) -> tuple[Tensor, Tensor]:
    """Return all digits of a split, (N, 1, 28, 28) in [0, 1], and their classes, (N,)."""
    images, labels = data.read()
    assert labels is not None
    return torch.from_numpy(images.copy()).float() / 255, torch.from_numpy(labels.copy()).long()


def main() -> None:
    """Train, fold, save, and tell the accuracy."""
    parser = argparse.ArgumentParser(description="Train the weights of the extractor `digits`.")
    parser.add_argument("mnist", type=Path, help="a folder with the idx files of MNIST")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    given = parser.parse_args()

    torch.manual_seed(0)
    network = train(*tensors_of(MNIST(path=given.mnist)), torch.Generator().manual_seed(0))
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, given.out)
    print(f"accuracy on the packaged test digits: {accuracy(network, *tensors_of(Digits(split='test'))):.4f}")


if __name__ == "__main__":
    main()
