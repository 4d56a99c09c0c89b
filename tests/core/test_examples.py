"""Examples in the docstrings of `genkit.core.loss` and `genkit.core.metric`, run as written."""

import inspect
import re
from types import ModuleType

import torch
from support.tiny_parts import Blob, TinyAutoencoder

from genkit.core import loss as loss_module
from genkit.core import metric
from genkit.evaluation.compute_metrics import evaluate
from genkit.testing import assert_gradients_reach_updates, batch_of


def example_in(documented: ModuleType) -> ModuleType:
    """Return a module with the indented lines of a docstring as its source."""
    code = re.findall(r"^    .*$|^$", inspect.getdoc(documented), re.MULTILINE)
    module = ModuleType("example")
    exec(compile(inspect.cleandoc("\n" + "\n".join(code)), documented.__name__, "exec"), vars(module))
    return module


def model() -> TinyAutoencoder:
    torch.manual_seed(0)
    return TinyAutoencoder(data_shape=(2,))


def test_the_minimal_loss_trains_every_parameter():
    loss = example_in(loss_module).BetaVAE()
    assert_gradients_reach_updates(loss, model(), batch_of(torch.randn(8, 2), latent_dim=2), step=0)


def test_the_minimal_metric_gives_a_number():
    distance = example_in(metric).MeanDistance(samples=100)
    (result,) = evaluate({"distance": distance}, Blob(), lambda weights: model(), seed=0)
    assert result.value is not None and result.value > 0 and result.protocol.samples == 100
