"""Adam and AdamW against their update rules, written out in NumPy in float64."""

import numpy as np
import pytest
import torch
from torch.nn import Parameter

from genkit.api import ConstantSchedule
from genkit.parts.optimisers.adam import Adam, AdamW

START = (1.5, -0.7, 0.2)
GRADIENTS = ((0.3, -2.0, 0.1), (-0.4, 1.0, 0.0), (5.0, 0.2, -0.01), (0.1, 0.1, 0.1))
KEYS = {"betas": (0.6, 0.8), "eps": 0.05}


def by_hand(lr: float, betas: tuple[float, float], eps: float, weight_decay: float = 0.0) -> np.ndarray:
    """Return the weights after all gradients: Kingma & Ba 2015, Algorithm 1; Loshchilov & Hutter 2019, Algorithm 2."""
    weights, mean, square = np.array(START), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(map(np.array, GRADIENTS), start=1):
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        unbiased_mean, unbiased_square = mean / (1 - betas[0] ** t), square / (1 - betas[1] ** t)
        weights = weights * (1 - lr * weight_decay) - lr * unbiased_mean / (np.sqrt(unbiased_square) + eps)
    return weights


def trained(part: Adam | AdamW) -> np.ndarray:
    parameter = Parameter(torch.tensor(START, dtype=torch.float64))
    optimiser = part.build([parameter])
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step()
    return parameter.detach().numpy()


@pytest.mark.parametrize(
    ("part", "keys"),
    [
        (Adam, {}),
        (Adam, {"betas": KEYS["betas"]}),
        (Adam, {"eps": KEYS["eps"]}),
        (AdamW, {}),
        (AdamW, {"betas": KEYS["betas"]}),
        (AdamW, {"eps": KEYS["eps"]}),
        (AdamW, {"weight_decay": 0.5}),
        (AdamW, {**KEYS, "weight_decay": 0.0}),
    ],
)
def test_every_key_has_its_place_in_the_update(part, keys):
    """Without a key, the update has the published default: betas .9 and .999, eps 1e-8, and decay .01 for AdamW."""
    published = {"betas": (0.9, 0.999), "eps": 1e-8, **({"weight_decay": 0.01} if part is AdamW else {})}
    updated = trained(part(lr=ConstantSchedule(0.1), **keys))
    np.testing.assert_allclose(updated, by_hand(0.1, **{**published, **keys}), rtol=0, atol=1e-12)


def test_the_learning_rate_of_a_new_optimiser_is_that_of_the_first_step():
    optimiser = Adam(lr=lambda t: 0.3 + t).build([Parameter(torch.zeros(1))])
    assert [group["lr"] for group in optimiser.param_groups] == [0.3]
