"""Fashion-MNIST: 60,000 training and 10,000 test images of clothing, grey, 28 x 28, in the file format of MNIST.

Xiao, Rasul & Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
https://arxiv.org/abs/1708.07747. Its files have the same names as those of MNIST, so each set needs its own folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.parts.datasets.mnist import MNIST


@dataclass(frozen=True)
class FashionMNIST(MNIST):
    """The images in the four idx files of the authors, compressed with gzip or not, or of a hub id."""

    NAME: ClassVar[str] = "Fashion-MNIST"
    EXAMPLE: ClassVar[str] = "zalando-datasets/fashion_mnist"

    @property
    def labels_are_digits(self) -> bool:
        """False: the labels are kinds of clothing."""
        return False
