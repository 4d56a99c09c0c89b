"""Recipes of the tiny parts, and functions that train them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from genkit.engine.distributed import World
from genkit.engine.loop import StepRecord, train_steps
from genkit.engine.state import TrainState, initial_state
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use
from support.tiny_parts import registry_with


def tiny_recipe(**changes: Any) -> Recipe:
    """Return a recipe with all features of the loop: warm-up, a phase every second step, clipping, EMA, schedules."""
    recipe = Recipe(
        title="tiny",
        seed=3,
        data=Use("blob"),
        model=Use("tiny"),
        loss=Use("coupled", weight={"use": "linear", "stop": 0.5}, warmup_steps=4),
        optimiser={
            "encoder": Use("adam", lr={"use": "cosine", "start": 0.01}),
            "decoder": Use("adamw", lr=0.01, clip_norm=0.5),
        },
        train=Train(steps=12, batch_size=8),
        ema=EMA(decay=0.9),
    )
    return replace(recipe, **changes)


def tiny_plan(**changes: Any) -> Plan:
    return make_plan(tiny_recipe(**changes), registry=registry_with())


def train_all(plan: Plan, world: World | None = None) -> tuple[TrainState, list[StepRecord]]:
    world = world or World(plan.recipe.train.precision)
    state = initial_state(plan, world)
    return state, list(train_steps(plan, state, world))


def tensors_of(state: TrainState) -> dict[str, torch.Tensor]:
    """Return all tensors of a state by name."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    if state.average is not None:
        tensors |= {f"ema/{name}": tensor for name, tensor in state.average.model.state_dict().items()}
    for child, optimiser in state.optimisers.items():
        for name, parameter in optimiser.parameters.items():
            for key, value in optimiser.optimiser.state.get(parameter, {}).items():
                tensors[f"optim/{child}/{name}/{key}"] = torch.as_tensor(value)
    return tensors


def assert_same_bits(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, f"{different} differ"
