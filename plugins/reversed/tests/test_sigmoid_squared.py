"""The error `sigmoid-squared`: its value, its gradient and its density."""

from __future__ import annotations

import pytest
import torch
from genkit_reversed.sigmoid_squared import SigmoidSquared
from torch import Tensor
from torch.distributions import Normal

from genkit.api import SquaredError
from genkit.testing import assert_error_is_lawful, small_autoencoder

SHAPE = (2, 3, 5)


def images(seed: int = 0) -> Tensor:
    return torch.rand(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_it_obeys_the_laws_of_errors():
    model = small_autoencoder(SHAPE, 3)
    model.reconstruction_error = SigmoidSquared()
    assert_error_is_lawful(SigmoidSquared(), model, images())


def test_it_is_the_squared_error_of_the_samples_that_the_outputs_stand_for():
    model = small_autoencoder(SHAPE, 3)
    model.reconstruction_error = SigmoidSquared()
    output = 8 * images(1) - 4
    samples = 1 / (1 + (-output).exp())
    torch.testing.assert_close(model.as_sample(output), samples)
    expected = [float(((a - b) ** 2).sum()) for a, b in zip(images(), samples, strict=True)]
    assert model.error(images(), output).tolist() == pytest.approx(expected)
    maps = SigmoidSquared().map(model, images(), output)
    assert maps.shape == (4, 3, 5)
    torch.testing.assert_close(maps.flatten(1).sum(dim=1), model.error(images(), output))


@pytest.mark.parametrize("variance", [None, 0.03])
def test_its_density_is_gaussian(variance):
    output = 8 * images(1) - 4
    normal = Normal(output.sigmoid(), (0.5 if variance is None else variance) ** 0.5)
    expected = normal.log_prob(images()).flatten(1).sum(dim=1)
    torch.testing.assert_close(SigmoidSquared().log_density(images(), output, variance), expected)
    assert SigmoidSquared().implied_variance == 0.5


def test_points_are_refused():
    with pytest.raises(ValueError, match="sigmoid-squared"):
        SigmoidSquared()(torch.zeros(2, 2), torch.zeros(2, 2))


def test_it_is_not_the_squared_error():
    """Protocols name an error that is not the default."""
    assert SigmoidSquared() != SquaredError()
