"""Network of the extractor `digits`: six convolutions, each with a ReLU, and a mean over the pixels."""

from __future__ import annotations

from torch import Tensor, nn

DIGIT_SIZE = 28  # pixels, height and width of the images that the network reads
DIGIT_FEATURES = 64
CLASSES = 10
CHANNELS = (16, 32, DIGIT_FEATURES)


class DigitNetwork(nn.Module):
    """Map grey digits, (B, 1, 28, 28) in [0, 1], to 64 non-negative features each; `head` maps these to ten logits.

    `norms` adds batch norms for training. `train_digits.fold_batch_norms` merges them into the convolutions.
    """

    def __init__(self, *, norms: bool = False):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for level, channels in enumerate(CHANNELS):
            layers += [nn.MaxPool2d(2)] if level else []
            for inputs in (before, channels):
                layers.append(nn.Conv2d(inputs, channels, 3, padding=1))
                layers += [nn.BatchNorm2d(channels), nn.ReLU()] if norms else [nn.ReLU()]
            before = channels
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(DIGIT_FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x, (B, 64)."""
        return self.body(x).mean(dim=(2, 3))
