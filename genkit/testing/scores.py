"""Laws of scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import Score, require_score
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.testing.examples import accepted_autoencoders
from genkit.testing.law import Law, assert_finite, assert_same, assert_tensor, for_each_case, hold
from genkit.testing.maps import assert_map_adds_up
from genkit.testing.models import batch_for

CLOSE = 1e-4


def assert_score_is_lawful(score: Score, model: Autoencoder | None = None, x: Tensor | None = None) -> None:
    """Assert what metrics assume of a score, on samples x, (B, *data_shape), B >= 2. A score that asks is fitted to x.

    - The model can give it. It is one finite number a sample, (B,).
    - A second call returns the same scores, and x and the model are unchanged.
    - The score of a sample does not depend on the other samples, nor on its place among them.
    - If it has a map, the sum of the map is the score.

    Without a model these are small autoencoders of points and of images, without those that the score refuses. Without
    x the samples are uniform on [0, 1].
    """

    def trial(each: Autoencoder) -> _Trial:
        return _Trial(score, each, batch_for(each, 16).x if x is None else x)

    chosen = accepted_autoencoders(lambda each: trial(each).shape()) if model is None else {"": model}
    hold(score, for_each_case({name: trial(each).laws() for name, each in chosen.items()}))


@dataclass(frozen=True)
class _Trial:
    score: Score
    model: Autoencoder
    x: Tensor

    def laws(self) -> list[Law]:
        return [
            Law(
                "one number a sample",
                self.shape,
                "Derive from genkit.api.Score, and return one number for each sample, (B,)",
                basic=True,
            ),
            Law("the same again", self.again, "Draw from `noise` only, and change neither x nor the model"),
            Law(
                "each sample by itself",
                self.alone,
                "Take no statistic of the batch; a score that needs one is fitted to training data: `fitted`",
            ),
            Law("its map adds up", self.maps, "Let `map` return the terms of the score, summed over the channels"),
        ]

    def shape(self) -> None:
        check_interface("scores", self.score)
        require_score(self.score, self.model)
        wanted: Any = self.score.samples_to_fit
        assert isinstance(wanted, int) and wanted >= 0, f"samples_to_fit is {wanted!r}, expected a number of samples"
        implied: Any = self.score.implied(self.model)
        assert isinstance(implied, Mapping), f"implied returned a {type(implied).__name__}, expected values by key"
        scores = self.of(self.x.clone())  # so that a score that changes x is found by the next law
        assert_tensor(scores, (len(self.x),), "the score")
        assert_finite(scores, "the score")

    def again(self) -> None:
        before, state = self.x.clone(), {name: each.clone() for name, each in self.model.state_dict().items()}
        with refusing_global_draws(self.score, "Draw with the argument: noise.randn and noise.rand."):
            first, second = self.of(self.x), self.of(self.x)
        assert_same(second, first, "the second call")
        assert_same(self.x, before, "x after the call")
        for name, tensor in self.model.state_dict().items():
            assert_same(tensor, state[name], f"{name} of the model after the call")

    def alone(self) -> None:
        alone = torch.cat([self.of(row) for row in self.x.flip(0).split(1)]).flip(0)
        assert_same(alone, self.of(self.x), "the scores of single samples", rtol=CLOSE, atol=CLOSE)

    def maps(self) -> None:
        if self.x.dim() == 4:
            with torch.no_grad():
                draw = partial(self.fitted().map, self.model, self.x, noise_of_samples(0, "score", self.x))
                assert_map_adds_up(draw, self.of(self.x))

    def fitted(self) -> Score:
        return self.score.fitted(self.model, self.x.split(max(len(self.x) // 2, 1)))

    def of(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.fitted()(self.model, x, noise_of_samples(0, "score", x))
