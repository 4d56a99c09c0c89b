"""A recipe of the tiny parts to put mistakes into, and parts with mistakes that only a plugin author can make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from genkit.api import Phase, PhaseLoss, Schedule
from genkit.errors import Problem, RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from support.tiny_parts import registry_with

GOOD = """\
title = "tiny"
seed = 3

[data]
use = "blob"

[model]
use = "tiny"

[loss]
use = "coupled"
warmup_steps = 4
[loss.weight]
use = "linear"
stop = 0.5

[optimiser.encoder]
use = "adam"
lr = { use = "cosine", start = 0.01 }

[optimiser.decoder]
use = "adamw"
lr = 0.01
clip_norm = 0.5

[train]
steps = 12
batch_size = 8

[ema]
decay = 0.9
"""
LOSS = 'use = "coupled"\nwarmup_steps = 4\n[loss.weight]\nuse = "linear"\nstop = 0.5'


def with_loss(keys: str) -> str:
    """Return the recipe with these lines in [loss]."""
    assert LOSS in GOOD
    return GOOD.replace(LOSS, keys)


def problems_of(folder: Path, text: str, *overrides: str) -> tuple[Problem, ...]:
    """Return the problems of a recipe, which is written to ``r.toml`` in the folder."""
    path = folder / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as refused:
        make_plan(path, overrides=overrides, registry=registry_with(FaultyPlugin()))
    return refused.value.problems


class FaultyPlugin:
    """A plugin with one part for each mistake."""

    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("vanishes", f"{__name__}:Vanishes", "", "")
        yield Entry("crashes", f"{__name__}:Crashes", "", "")
        yield Entry("smooth", f"{__name__}:Smooth", "", "")
        yield Entry("misses", f"{__name__}:Misses", "", "")
        yield Entry("late-coupling", f"{__name__}:LateCoupling", "", "")
        yield Entry("asks-a-critic", f"{__name__}:AsksACritic", "", "")
        yield Entry("misspells", f"{__name__}:Misspells", "", "")
        yield Entry("misshapen", f"{__name__}:Misshapen", "", "")
        yield Entry("typed", f"{__name__}:Typed", "", "")

    @hookimpl
    def genkit_models(self):
        yield Entry("no-model", f"{__name__}:NoModel", "", "")


@dataclass(frozen=True)
class Vanishes:
    """Its gradient vanishes in small latent spaces."""

    def phases(self):
        return (Phase("only", ("encoder", "decoder"), self.loss),)

    def loss(self, model, batch):
        if model.latent_dim < 8:
            raise ValueError(f"the gradient vanishes at L = {model.latent_dim}")
        return PhaseLoss(model.decoder(batch.z).mean(), {})


@dataclass(frozen=True)
class Crashes(Vanishes):
    """Raises, with a schedule that may be at fault."""

    weight: Schedule

    def loss(self, model, batch):
        raise RuntimeError("out of ideas")


@dataclass(frozen=True)
class AsksACritic(Vanishes):
    """Trains a child that no autoencoder has."""

    def phases(self):
        return (Phase("critic", ("critic",), self.loss),)


@dataclass(frozen=True)
class Misspells(Vanishes):
    """Has the name of a child wrong."""

    child: str = "decodr"

    def phases(self):
        return (Phase("both", ("encoder", self.child), self.loss),)


@dataclass(frozen=True)
class Smooth(Vanishes):
    """Differentiates within the loss."""

    def loss(self, model, batch):
        z = batch.z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(model.decoder(z).sum(), z, create_graph=True)
        return PhaseLoss(slope.square().mean() + model.encoder(batch.x).mu.mean(), {})


@dataclass(frozen=True)
class Misses(Vanishes):
    """Updates the encoder and does not use it."""

    def loss(self, model, batch):
        return PhaseLoss(model.decoder(batch.z).mean(), {})


@dataclass(frozen=True)
class LateCoupling(Vanishes):
    """Couples the samples of a batch, but not at the start of the run."""

    weight: Schedule

    def loss(self, model, batch):
        q = model.encoder(batch.x)
        total = model.decoder(q.mu).mean() + q.logvar.mean()
        if self.weight(batch.t) > 0:
            total = total + batch.gather(q.mu).mean().square()
        return PhaseLoss(total, {})


@dataclass(frozen=True)
class Misshapen(Vanishes):
    """Returns what is not a `PhaseLoss` of scalars."""

    how: str

    def loss(self, model, batch):
        total = model.decoder(model.encoder(batch.x).mu).square()
        returned = {
            "vector": PhaseLoss(total.mean(dim=1), {}),
            "number": PhaseLoss(3.0, {}),
            "detached": PhaseLoss(total.mean().detach(), {}),
            "float-term": PhaseLoss(total.mean(), {"rec": 1.0}),
            "vector-term": PhaseLoss(total.mean(), {"rec": total.detach()}),
            "attached-term": PhaseLoss(total.mean(), {"rec": total.mean()}),
            "bare": total.mean(),
        }
        return returned[self.how]


@dataclass(frozen=True)
class Typed(Vanishes):
    """Has a key of a type that TOML cannot hold."""

    layer: torch.nn.Module | None = None


class NoModel:
    """A class that is not a model."""

    def __init__(self, *, data_shape: tuple[int, ...]):
        pass
