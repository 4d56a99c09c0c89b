"""Parts with one mistake each, as authors of plugins make them. Each class says in its docstring what is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from genkit.api import DiagNormal, EvaluationProtocol, Phase, PhaseLoss, Samples, Schedule
from genkit.hooks import KINDS, Entry, hookimpl
from support.tiny_parts import Numbered, TinyAutoencoder

PLUGIN = "genkit-torch-plugin0 2.0"
PARTS: dict[str, list[str]] = {kind: [] for kind in KINDS}


def part(kind: str) -> Callable[[type], type]:
    """Register a class below its own name."""

    def register(target: type) -> type:
        PARTS[kind].append(target.__name__)
        return target

    return register


class MistakenPlugin:
    """A plugin with all of these parts."""

    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield from entries("losses")

    @hookimpl
    def genkit_models(self):
        yield from entries("models")

    @hookimpl
    def genkit_datasets(self):
        yield from entries("datasets")

    @hookimpl
    def genkit_metrics(self):
        yield from entries("metrics")

    @hookimpl
    def genkit_optimisers(self):
        yield from entries("optimisers")

    @hookimpl
    def genkit_schedules(self):
        yield from entries("schedules")


def entries(kind: str):
    yield from (Entry(name, f"{__name__}:{name}", "", "") for name in PARTS[kind])


# Losses


@part("losses")
@dataclass(frozen=True)
class Good:
    """A loss without a mistake; the others change its `compute`."""

    def phases(self):
        return (Phase("only", ("encoder", "decoder"), self.compute),)

    def compute(self, model, batch):
        q = model.encoder(batch.x)
        error = (model.decoder(q.mu) - batch.x).square().mean() + q.logvar.square().mean()
        return PhaseLoss(self.change(error, batch), {"rec": error.detach()})

    def change(self, error, batch):
        return error


@part("losses")
@dataclass(frozen=True)
class DrawsInTorch(Good):
    def change(self, error, batch):
        return error + torch.randn_like(error)


@part("losses")
@dataclass(frozen=True)
class DrawsOnTheCPU(Good):
    def change(self, error, batch):
        return (error + torch.randn(len(batch.x), 1) * batch.x).mean()


@part("losses")
@dataclass(frozen=True)
class DrawsInNumPy(Good):
    def change(self, error, batch):
        return error + float(np.random.rand())


@part("losses")
@dataclass(frozen=True)
class DrawsInPython(Good):
    def change(self, error, batch):
        return error + random.random()


@part("losses")
class NoDataclass:
    def phases(self):
        return Good().phases()


@part("losses")
@dataclass(frozen=True)
class Unannotated(Good):
    beta = 0.5


@part("losses")
class Undecorated(Good):
    beta: float = 0.5


@part("losses")
@dataclass(frozen=True)
class NoPhases:
    beta: float = 0.5


@part("losses")
@dataclass(frozen=True)
class ReturnsNoPhases(Good):
    def phases(self):
        return None


@part("losses")
@dataclass(frozen=True)
class UpdatesAString(Good):
    def phases(self):
        return (Phase("only", "encoder", self.compute),)


@part("losses")
@dataclass(frozen=True)
class SamePhaseTwice(Good):
    def phases(self):
        return 2 * super().phases()


@part("losses")
@dataclass(frozen=True)
class TermCalledTotal(Good):
    def compute(self, model, batch):
        total = super().compute(model, batch).total
        return PhaseLoss(total, {"total": total.detach()})


@part("losses")
@dataclass(frozen=True)
class Misspelt(Good):
    def change(self, error, batch):
        return error + batch.extras["label"].mean()


@part("losses")
@dataclass(frozen=True)
class Exits(Good):
    def change(self, error, batch):
        raise SystemExit(0)


@part("losses")
@dataclass(frozen=True)
class UsesValues(Good):
    def change(self, error, batch):
        return error if error > 1 else 2 * error


@part("losses")
@dataclass(frozen=True)
class TakesTheLogarithmOfZero(Good):
    def change(self, error, batch):
        import math

        return error * math.log(0 * batch.t)


@part("losses")
@dataclass(frozen=True)
class Late(Good):
    """Fails in step 6 only, in one of many ways."""

    how: str = ""

    def change(self, error, batch):
        if batch.noise.step != 5:
            return error
        if self.how == "vector":
            return error + torch.zeros(3)
        if self.how == "float":
            return 1.0
        if self.how == "none":
            return None
        if self.how == "detached":
            return error.detach()
        if self.how == "runtime-error":
            raise RuntimeError("out of ideas")
        if self.how == "value-error":
            raise ValueError("the radius is negative")
        if self.how == "exit":
            raise SystemExit(0)
        if self.how == "numpy":
            np.random.rand()
        if self.how == "python":
            random.random()
        if self.how == "torch":
            torch.rand(())
        if self.how == "nan":
            return error * float("nan")
        return error


@part("losses")
@dataclass(frozen=True)
class LateTuple(Good):
    """Returns a bare tensor in step 6."""

    def compute(self, model, batch):
        result = super().compute(model, batch)
        return result.total if batch.noise.step == 5 else result


@part("losses")
@dataclass(frozen=True)
class LateInTheSecondPhase(Late):
    """Fails in step 6, after a first phase has changed weights."""

    def phases(self):
        return (Phase("first", ("encoder", "decoder"), Good().compute), *super().phases())


@part("losses")
@dataclass(frozen=True)
class WithSchedule(Good):
    weight: Schedule = None  # type: ignore[assignment]


@part("losses")
@dataclass(frozen=True)
class UngatheredMean(Good):
    """Squares a mean of the batch."""

    def compute(self, model, batch):
        q = model.encoder(batch.x)
        return PhaseLoss(q.mu.mean().square() + model.decoder(q.mu).square().mean(), {})


@part("losses")
@dataclass(frozen=True)
class Broadcasts(Good):
    """Subtracts (B, 1) from (B,)."""

    def compute(self, model, batch):
        a, b = model.encoder(batch.x).mu.sum(dim=1), model.decoder(batch.z).sum(dim=1, keepdim=True)
        return PhaseLoss((a - b).square().mean(), {})


@part("losses")
@dataclass(frozen=True)
class GatheredMean(Good):
    """Squares a mean of the whole batch, as it should."""

    def compute(self, model, batch):
        q = model.encoder(batch.x)
        return PhaseLoss(batch.gather(q.mu).mean().square() + model.decoder(q.mu).square().mean(), {})


@part("losses")
@dataclass(frozen=True)
class InFloat32(Good):
    """Computes in float32 whatever it is given, which is no mistake."""

    def compute(self, model, batch):
        error = (model.decoder(model.encoder(batch.x).mu).float() - batch.x.float()).square().mean()
        return PhaseLoss(error, {})


# Schedules


@part("schedules")
@dataclass(frozen=True)
class NotCallable:
    top: float = 1.0


# Models


@part("models")
class Dropout(TinyAutoencoder):
    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.decoder.append(nn.Dropout(0.1))


class TensorEncoder(nn.Linear):
    pass


@part("models")
class EncoderOfTensors(TinyAutoencoder):
    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.encoder = TensorEncoder(data_shape[0], latent_dim)


class WideEncoder(nn.Linear):
    def forward(self, x):
        return DiagNormal(super().forward(x), super().forward(x))


@part("models")
class WrongLatent(TinyAutoencoder):
    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.encoder = WideEncoder(data_shape[0], latent_dim + 1)


@part("models")
class WrongOutput(TinyAutoencoder):
    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.decoder = nn.Linear(latent_dim, data_shape[0] + 1)


class Crash(nn.Module):
    def forward(self, x):
        raise KeyError("weights")


@part("models")
class CrashingEncoder(TinyAutoencoder):
    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.encoder = Crash()


@part("models")
class NoModel:
    def __init__(self, *, data_shape: tuple[int, ...]):
        pass


@part("models")
class Normalised(TinyAutoencoder):
    """A model without a mistake, with the buffers of a batch norm."""

    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        super().__init__(latent_dim=latent_dim, data_shape=data_shape)
        self.decoder.insert(1, nn.BatchNorm1d(8))


# Data sets


@part("datasets")
@dataclass(frozen=True)
class NoHeldOut:
    shape: ClassVar[tuple[int, ...]] = (2,)
    split: ClassVar[str] = "train"
    size: ClassVar[int] = 40

    def unmet(self):
        return ()

    def batch(self, indices, noise):
        return Samples(torch.zeros(len(indices), 2))


@part("datasets")
@dataclass(frozen=True)
class HeldOutIsNone(Numbered):
    def held_out(self):
        return None


@part("datasets")
@dataclass(frozen=True)
class ShapeIsANumber(Numbered):
    shape: int = field(default=2, init=False)  # type: ignore[assignment]


@part("datasets")
@dataclass(frozen=True)
class ShapeFails(Numbered):
    @property
    def shape(self):  # type: ignore[override]
        return self.arrays.shape[1:]

    def __init__(self):
        pass


@part("datasets")
@dataclass(frozen=True)
class UnmetIsAString(Numbered):
    def unmet(self):
        return "no data"


@part("datasets")
@dataclass(frozen=True)
class Readable(Numbered):
    """A data set whose samples are wrong, in one of many ways, from step `first` on."""

    how: str = ""
    first: int = 0
    shape: tuple[int, ...] = field(default=(2,), init=False)

    def batch(self, indices, noise):
        x = super().batch(indices, noise).x
        if noise.step < self.first:
            return Samples(x)
        changed: Any = {
            "tensor": lambda: x,
            "tuple": lambda: (x, {}),
            "none": lambda: None,
            "shape": lambda: Samples(x[:, :1]),
            "rows": lambda: Samples(x[:1]),
            "float64": lambda: Samples(x.double()),
            "numpy": lambda: Samples(x.numpy()),
            "label": lambda: Samples(x, {"label": torch.zeros(1)}),
            "labels-as-list": lambda: Samples(x, {"label": [1] * len(x)}),
            "nan": lambda: Samples(x * float("nan")),
            "torch-noise": lambda: Samples(x + torch.randn(2)),
            "numpy-noise": lambda: Samples(x + float(np.random.rand())),
            "python-noise": lambda: Samples(x + random.random()),
            "index-error": lambda: Samples(x[len(x) + 3]),
        }
        return changed[self.how]()


@part("datasets")
@dataclass(frozen=True)
class Bytes(Numbered):
    """Images in [0, 255]."""

    shape: tuple[int, ...] = field(default=(1, 4, 4), init=False)

    def batch(self, indices, noise):
        return Samples(torch.full((len(indices), 1, 4, 4), 255.0))


# Optimisers


@part("optimisers")
@dataclass(frozen=True)
class NoClipNorm:
    lr: Schedule

    def build(self, parameters):
        return torch.optim.SGD(parameters)


@dataclass(frozen=True)
class Optimiser:
    lr: Schedule
    clip_norm: float | None = None

    def build(self, parameters):
        return torch.optim.SGD(parameters)


@part("optimisers")
@dataclass(frozen=True)
class NeedsAClosure(Optimiser):
    def build(self, parameters):
        return torch.optim.LBFGS(parameters)


@part("optimisers")
@dataclass(frozen=True)
class BuildsNothing(Optimiser):
    def build(self, parameters):
        torch.optim.SGD(parameters)


@part("optimisers")
@dataclass(frozen=True)
class ClipsAtZero(Optimiser):
    clip_norm: float | None = 0.0


class Langevin(torch.optim.SGD):
    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.add_(torch.randn_like(weight))


@part("optimisers")
@dataclass(frozen=True)
class DrawsInAnOptimiser(Optimiser):
    def build(self, parameters):
        return Langevin(parameters)


# Metrics


@part("metrics")
@dataclass(frozen=True)
class Metric:
    how: str = ""
    better: ClassVar[Any] = "lower"

    def protocol(self, data, model):
        return EvaluationProtocol(10, data.held_out().split, "raw")

    def compute(self, evaluation):
        if self.how == "exit":
            raise SystemExit(3)
        if self.how == "draws":
            return torch.rand(()).item() + np.random.rand() + random.random()
        return 1.0


@part("metrics")
@dataclass(frozen=True)
class NoBetter:
    def protocol(self, data, model):
        return EvaluationProtocol(10, data.held_out().split, "raw")

    def compute(self, evaluation):
        return 1.0


@part("metrics")
@dataclass(frozen=True)
class SmallerIsBetter(Metric):
    better: ClassVar[Any] = "smaller"


@part("metrics")
@dataclass(frozen=True)
class NoProtocol(Metric):
    def protocol(self, data, model):
        return 1000


@part("metrics")
@dataclass(frozen=True)
class BestWeights(Metric):
    def protocol(self, data, model):
        return EvaluationProtocol(10, data.split, "best")
