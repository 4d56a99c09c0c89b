"""Short trainings, and the differences between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.gpu.settings import world_on
from genkit.core.model import Model
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.recipe.plan import Plan
from genkit.runs.training import checkpoint

SMALL_SCALE = 64.0

Terms = Sequence[Mapping[str, float]]  # of each step: "phase/term" -> value


def make_mistake(model: Model) -> None:
    """Change the weights, so that whatever is computed from them must differ."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)


def first_terms(plan: Plan, device: str, steps: int, *, mistake: bool = False) -> Terms:
    """Train a few steps on a device and return their terms.

    fp16 starts with a small scale of the gradients: with torch's, the first steps overflow, and change no weight.
    """
    with world_on(device, plan.recipe.train.precision) as world:
        state = initial_state(plan, world)
        if state.scaler is not None:
            state.scaler.load_state_dict(state.scaler.state_dict() | {"scale": SMALL_SCALE})
        if mistake:
            make_mistake(state.model)
        records = train_steps(plan, state, world)
        return [{name: value.item() for name, value in next(records).terms.items()} for _ in range(steps)]


def difference(a: Terms, b: Terms) -> float:
    """Return the largest difference between the totals of two trainings, relative to the largest such total in `a`."""
    largest = 0.0
    for name in sorted({name for terms in a for name in terms if name.endswith("/total")}):
        pairs = [(one[name], other[name]) for one, other in zip(a, b, strict=True) if name in one]
        scale = max(abs(one) for one, _ in pairs)
        for one, other in pairs:
            apart = abs(one - other) / scale
            largest = largest if apart <= largest else apart  # keeps a NaN
    return largest


def train_to(
    plan: Plan, device: str, stop: int, folder: Path, begin: Path | None = None, *, mistake: bool = False
) -> Path:
    """Train to step `stop`, from a checkpoint if `begin` is given, and save a checkpoint in `folder`; return it."""
    with world_on(device, plan.recipe.train.precision) as world:
        state = initial_state(plan, world, resuming=begin is not None)
        if begin is not None:
            checkpoint.load(state, begin)
        if mistake:
            make_mistake(state.model)
        for record in train_steps(plan, state, world):
            if record.step == stop:
                break
        checkpoint.save(state, folder)
    return folder


def different_bits(one: Path, other: Path) -> list[str]:
    """Return the tensors of two checkpoints whose bits differ by name, and "scaler" if the states of it differ."""
    (a, about_a), (b, about_b) = checkpoint.read(one), checkpoint.read(other)
    names = [name for name in sorted(a.keys() | b.keys()) if name not in a or name not in b]
    names += [name for name in sorted(a.keys() & b.keys()) if not torch.equal(a[name], b[name])]
    return names + ["scaler"] * (about_a["scaler"] != about_b["scaler"])
