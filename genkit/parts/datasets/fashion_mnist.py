"""Fashion-MNIST: 60,000 articles of clothing to train on and 10,000 to test, grey, 28 x 28, in the files of MNIST.

Xiao, Rasul & Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
https://arxiv.org/abs/1708.07747. Its files are called as those of MNIST, so each set needs a folder of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.parts.datasets.mnist import MNIST


@dataclass(frozen=True)
class FashionMNIST(MNIST):
    """The articles of four idx files, compressed with gzip or not, or of the `datasets` library."""

    NAME: ClassVar[str] = "Fashion-MNIST"
    EXAMPLE: ClassVar[str] = "zalando-datasets/fashion_mnist"
