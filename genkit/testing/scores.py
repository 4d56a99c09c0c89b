"""Laws of scores."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import Score
from genkit.testing.maps import assert_map_adds_up


def assert_score_is_lawful(score: Score, model: Autoencoder, x: Tensor) -> None:
    """Assert what metrics assume of a score, on samples x, (B, *data_shape), B >= 2. A score that asks is fitted to x.

    - The model can give it. It is one finite number a sample, (B,).
    - The score of a sample does not depend on the other samples, nor on its place among them.
    - A second call returns the same scores, and x is unchanged.
    - If it has a map, the sum of the map is the score.
    """
    before = x.clone()
    with torch.no_grad():
        score.check(model)
        fitted = score.fitted(model, x.split(max(len(x) // 2, 1)))
        together, again = (fitted(model, x, noise_of_samples(0, "score", x)) for _ in range(2))
        alone = torch.cat([fitted(model, row, noise_of_samples(0, "score", row)) for row in x.flip(0).split(1)]).flip(0)
    assert together.shape == (len(x),), f"score: the shape is {tuple(together.shape)}, expected {(len(x),)}"
    assert together.isfinite().all(), "score: not finite"
    torch.testing.assert_close(again, together, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-4)
    if x.dim() == 4:
        with torch.no_grad():
            assert_map_adds_up(partial(fitted.map, model, x, noise_of_samples(0, "score", x)), together)
