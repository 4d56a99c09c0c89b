"""Copies to a GPU do not wait for it: each says so to torch. The GPU is imagined, and its tensors stay in place."""

import pytest
import torch

from genkit.core.noise import Noise, Rows
from genkit.core.transfer import to_device
from genkit.parts.datasets.checkerboard import Checkerboard
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.rings import Rings
from genkit.parts.datasets.twenty_five_gaussians import TwentyFiveGaussians
from genkit.parts.datasets.two_spirals import TwoSpirals

CUDA = torch.device("cuda")
NOISE = Noise(0, 0, "data", Rows.all(4), CUDA)


@pytest.fixture
def copies(monkeypatch):
    """Whether each copy to the imagined GPU waits for it."""
    copies, convert = [], torch.Tensor.to

    def to(x, *args, non_blocking=False, **options):
        if CUDA not in args:
            return convert(x, *args, **options)
        copies.append(not non_blocking)
        return convert(x, *(each for each in args if each != CUDA)) if len(args) > 1 else x

    monkeypatch.setattr(torch.Tensor, "to", to)
    return copies


@pytest.mark.parametrize("data", [Checkerboard, EightGaussians, Rings, TwentyFiveGaussians, TwoSpirals])
def test_points_are_drawn_without_waiting(copies, data):
    x = data().batch(torch.arange(4), NOISE).x
    assert (x.shape, x.dtype) == ((4, 2), torch.float32)
    assert copies and not any(copies)


def test_random_numbers_are_drawn_without_waiting(copies):
    NOISE.randn("z", 3), NOISE.rand("z", 3), NOISE.randint("z", 5)
    assert copies == [False] * 3


def test_only_a_gpu_is_asked_not_to_wait(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.Tensor, "to", lambda x, *args, non_blocking: asked.append(non_blocking))
    for device in ("cuda", "cuda:1", "cpu", "mps", "meta"):
        to_device(torch.zeros(1), torch.device(device))
    assert asked == [True, True, False, False, False]
