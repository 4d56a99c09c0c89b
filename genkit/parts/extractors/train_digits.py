"""Training of the packaged weights of the extractor `digits`.

    python -m genkit.parts.extractors.train_digits FOLDER_WITH_MNIST OUT.safetensors

It trains on the 60,000 digits of MNIST's train split only: ten epochs of Adam with a cosine schedule. Each digit is
randomly rotated, scaled and shifted a little, so that features describe the shape of a digit rather than its position.
Test digits were not used to choose settings. It takes about ten minutes on one core and prints the accuracy on the
1,000 test digits packaged with genkit. With other hardware or another torch version, weights differ in their last
digits. Metrics use the packaged weights only and check their SHA-256.
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

from genkit.api import ImageSet
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.extractors.digit_network import DigitNetwork

EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 128, 3e-3
MAX_ANGLE, MAX_SCALE, MAX_SHIFT = math.radians(10), 0.1, 2 / 14  # the shift is 2 pixels, in units of half an image


def train(images: Tensor, labels: Tensor, generator: torch.Generator) -> DigitNetwork:
    """Return the network trained on digits, (N, 1, 28, 28) in [0, 1], and their classes, (N,)."""
    network = DigitNetwork(norms=True)
    steps = EPOCHS * (len(images) // BATCH_SIZE)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step, chosen in enumerate(batch_indices(len(images), steps, generator)):
        logits = network.head(network(augment(images[chosen], generator)))
        loss = F.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: {loss.item():.3f}", flush=True)
    return fold_batch_norms(network.eval())


def batch_indices(size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the indices of each step, (BATCH_SIZE,), shuffled again in every epoch."""
    steps_per_epoch = size // BATCH_SIZE
    for _ in range(steps // steps_per_epoch):
        yield from torch.randperm(size, generator=generator)[: steps_per_epoch * BATCH_SIZE].split(BATCH_SIZE)


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return digits, (B, 1, 28, 28), each randomly rotated, scaled and shifted."""
    angle, scale, right, down = (2 * torch.rand(4, len(x), generator=generator) - 1).unbind()
    angle, scale = MAX_ANGLE * angle, 1 + MAX_SCALE * scale
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = [torch.stack([cos, -sin, MAX_SHIFT * right], dim=1), torch.stack([sin, cos, MAX_SHIFT * down], dim=1)]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def fold_batch_norms(network: DigitNetwork) -> DigitNetwork:
    """Return a network that computes the same, with each trained batch norm merged into the convolution before it."""
    folded = DigitNetwork()
    layers: list[Any] = []
    for layer in network.body:
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    folded.body = nn.Sequential(*layers)
    folded.head = network.head
    return folded.eval()


def accuracy(network: DigitNetwork, images: Tensor, labels: Tensor) -> float:
    """Return the share of digits that are classified correctly."""
    with torch.no_grad():
        predicted = torch.cat([network.head(network(x)).argmax(dim=1) for x in images.split(500)])
    return (predicted == labels).double().mean().item()


def load_digits(data: ImageSet) -> tuple[Tensor, Tensor]:
    """Return all digits of a split, (N, 1, 28, 28) in [0, 1], and their classes, (N,)."""
    images, labels = data.read()
    assert labels is not None
    return torch.from_numpy(images.copy()).float() / 255, torch.from_numpy(labels.copy()).long()


def main() -> None:
    """Train the network, save its weights and print its accuracy."""
    parser = argparse.ArgumentParser(description="Train the weights of the extractor `digits`.")
    parser.add_argument("mnist", type=Path, help="a folder with the idx files of MNIST")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    given = parser.parse_args()

    torch.manual_seed(0)
    network = train(*load_digits(MNIST(path=given.mnist)), torch.Generator().manual_seed(0))
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, given.out)
    print(f"accuracy on the packaged test digits: {accuracy(network, *load_digits(Digits(split='test'))):.4f}")


if __name__ == "__main__":
    main()
