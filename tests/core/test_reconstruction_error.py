"""Error of reconstructions."""

import pytest
import torch

from genkit.core.model import Autoencoder
from genkit.core.reconstruction_error import mean_squared_error
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric


class Model(Autoencoder):
    """Autoencoder whose reconstructions leave [0, 1]."""

    def __init__(self):
        torch.nn.Module.__init__(self)

    def reconstruct(self, x):
        return 1.5 * x - 0.1


@pytest.mark.parametrize("shape", [(6, 2), (6, 3, 4, 4)])
def test_the_mean_squared_error_equals_the_metric(shape):
    class Evaluation:
        model = Model()
        parallel_map = map
        reference = (torch.rand(shape, generator=torch.Generator().manual_seed(1)),)

        class data:
            shape = ()

    Evaluation.data.shape = shape[1:]
    (x,) = Evaluation.reference
    assert mean_squared_error(x, 1.5 * x - 0.1) == pytest.approx(ReconstructionErrorMetric().compute(Evaluation))
