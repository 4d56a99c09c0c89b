"""Features of handwritten digits, from a small classifier that comes with genkit.

What the network is, is in `digit_network`; how it was trained, in `train_digits`. Of 5,000 digits of
MNIST's test set, none of which it was trained on or chosen by, it recognises 99.7 %. A Fréchet distance of its features
is no FID, and is not called one.
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

from genkit.errors import UsageError
from genkit.parts.extractors.digit_network import FEATURES, SIDE, DigitNetwork
from genkit.parts.extractors.require_images import require_image

FILE = Path(__file__).with_name("digits.safetensors")
SHA256 = "d85650b15cb07e98a22debd36f8929db603d275e2760ab4cc181dde307fb7fcc"


@dataclass(frozen=True)
class DigitFeatures:
    """64 features of grey digits: the penultimate layer of a classifier trained on MNIST's train set."""

    @property
    def name(self) -> str:
        """What these features are called."""
        return "digits"

    @property
    def digest(self) -> str:
        """The SHA-256 of the packaged weights."""
        return SHA256

    def unmet(self) -> tuple[str, ...]:
        """Tell where the packaged weights are absent or were changed."""
        return () if self.problem is None else (self.problem,)

    @cached_property
    def problem(self) -> str | None:
        """What is wrong with the packaged weights, with the remedy; None for those that genkit was published with."""
        content = FILE.read_bytes() if FILE.is_file() else b""
        if (found := hashlib.sha256(content).hexdigest()) == SHA256:
            return None
        return (
            f"{FILE}: these are not the weights that genkit was published with (SHA-256 {found[:8]}..., expected "
            f"{SHA256[:8]}...). Install genkit-torch again."
        )

    def resize(self, shape: tuple[int, ...]) -> str:
        """Say how images that are not 28 x 28 come to be so."""
        return "" if tuple(shape[1:]) == (SIDE, SIDE) else f"bilinear, antialiased, to {SIDE} x {SIDE}"

    def width(self, shape: tuple[int, ...]) -> int:
        """Return 64. Raises `ValueError` unless samples of this shape are grey images."""
        require_image(shape, (1,), '"digits"', 'choose features of such samples, "pixels" for example')
        return FEATURES

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of grey images x, (B, 1, H, W) in [0, 1], as (B, 64). Raises `UsageError`."""
        if x.shape[2:] != (SIDE, SIDE):
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        with torch.no_grad():
            return self.network.to(x.device)(x)

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of each class, (B, 10), of features, (B, 64)."""
        with torch.no_grad():
            return self.network.to(features.device).head(features).softmax(dim=1)

    @cached_property
    def network(self) -> DigitNetwork:
        """The trained network in evaluation mode. Raises `UsageError` if the packaged weights are not those."""
        if self.problem is not None:
            raise UsageError(self.problem)
        network = DigitNetwork()
        network.load_state_dict(load_file(FILE))
        return network.eval().requires_grad_(False)
