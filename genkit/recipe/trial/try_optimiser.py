"""Trial of an optimiser before a run: it updates a single weight.

It raises `PartMistake` with the class, its file and line, and `ValueError` for a learning rate that no run can use.
Other exceptions are bugs of the part.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.types import Optimiser
from genkit.errors import PartMistake
from genkit.part_code import code_of
from genkit.recipe.trial.draw_finder import refusing_global_draws

NO_NOISE_IN_OPTIMISERS = "An optimiser is given no random numbers, so it must not draw any."


def try_optimiser(optimiser: Optimiser) -> None:
    """Let the optimiser update a single weight."""
    for t in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not (math.isfinite(optimiser.lr(t)) and optimiser.lr(t) >= 0):
            raise ValueError(
                f"lr: the learning rate is {optimiser.lr(t)} at t = {t}; it must be finite and not negative"
            )
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    built: Any = optimiser.build([weight])
    if not isinstance(built, torch.optim.Optimizer):
        raise PartMistake(
            f"{code_of(optimiser)}: build returned a {type(built).__name__}. Return a torch.optim.Optimizer"
        )
    clip: Any = optimiser.clip_norm
    if clip is not None and (not isinstance(clip, (int, float)) or clip <= 0):
        raise PartMistake(f"{code_of(optimiser)}: clip_norm is {clip!r}. Return a positive number, or None")
    step: Any = built.step
    try:
        with refusing_global_draws(optimiser, NO_NOISE_IN_OPTIMISERS):
            step()
    except TypeError as error:
        raise PartMistake(
            f"{code_of(optimiser)}: {type(built).__name__}.step() failed: {error}. An optimiser that needs a closure, "
            "such as L-BFGS, is not supported: a step computes each gradient once"
        ) from None
    for name, value in built.state.get(weight, {}).items():
        if not isinstance(value, (Tensor, int, float)):
            raise PartMistake(
                f'{code_of(optimiser)}: its state "{name}" is a {type(value).__name__}. A checkpoint holds only '
                "tensors and numbers for each parameter"
            )
