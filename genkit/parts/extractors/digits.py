"""Extractor of features of handwritten digits: a small classifier whose weights are packaged with genkit.

The network is defined in `digit_network` and trained by `train_digits`. It recognises 99.7 % of 5,000 digits of MNIST's
test set, which were used neither to train nor to select it. A Fréchet distance of these features is not an FID.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from genkit.api import UsageError, require_image
from genkit.parts.extractors.digit_network import DIGIT_FEATURES, DIGIT_SIZE, DigitNetwork

FILE = Path(__file__).with_name("digits.safetensors")
SHA256 = "d85650b15cb07e98a22debd36f8929db603d275e2760ab4cc181dde307fb7fcc"


@dataclass(frozen=True)
class DigitFeatures:
    """Extractor of 64 features of grey digits: the penultimate layer of a classifier trained on MNIST's train split."""

    @property
    def name(self) -> str:
        """The name of the features."""
        return "digits"

    @property
    def digest(self) -> str:
        """The SHA-256 of the packaged weights."""
        return SHA256

    def unmet(self) -> tuple[str, ...]:
        """Return the problem with the packaged weights, if they are missing or have changed."""
        return () if self.problem is None else (self.problem,)

    @cached_property
    def problem(self) -> str | None:
        """The problem with the packaged weights and how to fix it; None if they are the published ones."""
        content = FILE.read_bytes() if FILE.is_file() else b""
        if (found := hashlib.sha256(content).hexdigest()) == SHA256:
            return None
        return (
            f"{FILE}: not the weights that genkit was published with (SHA-256 {found[:8]}..., expected "
            f"{SHA256[:8]}...). Reinstall genkit-torch."
        )

    def resize(self, shape: tuple[int, ...]) -> str:
        """Return how images are resized to 28 x 28; empty if they have this size."""
        if tuple(shape[1:]) == (DIGIT_SIZE, DIGIT_SIZE):
            return ""
        return f"bilinear, antialiased, to {DIGIT_SIZE} x {DIGIT_SIZE}"

    def width(self, shape: tuple[int, ...]) -> int:
        """Return 64. Raises `ValueError` unless samples of this shape are grey images."""
        require_image(shape, (1,), 'extractor "digits"', 'Choose another extractor, for example "pixels"')
        return DIGIT_FEATURES

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of grey images x, (B, 1, H, W) in [0, 1], as (B, 64).

        Raises `UsageError` unless the packaged weights are the published ones.
        """
        if x.shape[2:] != (DIGIT_SIZE, DIGIT_SIZE):
            x = F.interpolate(x, (DIGIT_SIZE, DIGIT_SIZE), mode="bilinear", align_corners=False, antialias=True)
        with torch.no_grad():
            return self.network.to(x.device)(x)

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the class probabilities, (B, 10), for features, (B, 64)."""
        with torch.no_grad():
            return self.network.to(features.device).head(features).softmax(dim=1)

    @cached_property
    def network(self) -> DigitNetwork:
        """The trained network in evaluation mode. Raises `UsageError` unless the weights are the published ones."""
        if self.problem is not None:
            raise UsageError(self.problem)
        network = DigitNetwork()
        network.load_state_dict(load_file(FILE))
        return network.eval().requires_grad_(False)
