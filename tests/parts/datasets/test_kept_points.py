"""Points of the densities, which are those of earlier versions: kept tables were computed from them."""

import pytest
import torch

from genkit.api import Noise, Rows
from genkit.parts.datasets.checkerboard import Checkerboard
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.rings import Rings
from genkit.parts.datasets.twenty_five_gaussians import TwentyFiveGaussians
from genkit.parts.datasets.two_spirals import TwoSpirals


@pytest.mark.parametrize(
    ("data", "first", "second"),
    [
        (EightGaussians(), (-0.00669, 1.3944), (-0.00225, 1.41402)),
        (TwentyFiveGaussians(), (-0.01672, -2.87893), (-1.42006, -0.00101)),
        (TwoSpirals(), (1.0574, 1.14051), (-1.54886, -2.4775)),
        (Checkerboard(), (-3.84234, -2.36955), (1.89584, 0.02581)),
        (Rings(), (-1.54582, 2.48015), (0.16857, -0.73005)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_first_points_of_a_run_are_those_of_earlier_versions(data, first, second):
    x = data.batch(torch.arange(512), Noise(0, 0, "data", Rows.all(512))).x
    assert x[0].tolist() == pytest.approx(first, abs=1e-5)
    assert x[1].tolist() == pytest.approx(second, abs=1e-5)
