"""The finder of draws from torch's global generator: what it sees does not depend on how deep a draw is called."""

import pytest
import torch

from genkit.core.noise import Noise, Rows
from genkit.recipe.trial.draw_finder import refusing_global_draws

DEPTHS = (0, 1, 2, 5)
META = torch.device("meta")


def nested(depth, draw):
    return draw() if depth == 0 else nested(depth - 1, draw)


@pytest.mark.parametrize("depth", DEPTHS)
def test_noise_is_no_global_draw(depth):
    noise = Noise(0, 0, "z", Rows.all(3), META)
    with refusing_global_draws(object(), "Draw with noise."):
        nested(depth, lambda: noise.randn("z", 2))
        noise.rand("u", 2)


def drawn():
    return torch.randn(2, device=META)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_global_draw_is_found_at_its_line(depth):
    place = rf"randn \(test_draw_finder.py, line {drawn.__code__.co_firstlineno + 1}\)"
    with (
        pytest.raises(ValueError, match=f"{place}.* Draw with noise"),
        refusing_global_draws(object(), "Draw with noise."),
    ):
        nested(depth, drawn)
