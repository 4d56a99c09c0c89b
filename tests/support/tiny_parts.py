"""Small model, data sets and loss for tests, and a registry of them that loads no installed plugin."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from genkit.api import (
    VAE,
    Action,
    Autoencoder,
    Batch,
    DiagNormal,
    Noise,
    Phase,
    PhaseLoss,
    Samples,
    Schedule,
    kl_to_prior,
)
from genkit.hooks import Entry, hookimpl
from genkit.parts import builtin
from genkit.recipe.installed.registry import Owner, Registry


class LinearEncoder(nn.Module):
    def __init__(self, size: int, latent_dim: int):
        super().__init__()
        self.linear = nn.Linear(size, 2 * latent_dim)

    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(*self.linear(x.flatten(1)).chunk(2, dim=1))


class TinyAutoencoder(Autoencoder):
    """Autoencoder of points with a linear encoder."""

    def __init__(self, *, latent_dim: int = 2, data_shape: tuple[int, ...]):
        size = data_shape[0]
        decoder = nn.Sequential(nn.Linear(latent_dim, 8), nn.Tanh(), nn.Linear(8, size))
        super().__init__(LinearEncoder(size, latent_dim), decoder, latent_dim, data_shape)


@dataclass(frozen=True)
class Blob:
    """Density of correlated points."""

    spread: float = 1.0
    shape: tuple[int, ...] = field(default=(2,), init=False)
    split: str = field(default="drawn", init=False)
    size: None = field(default=None, init=False)

    def unmet(self) -> tuple[str, ...]:
        return ()

    def held_out(self) -> Blob:
        return self

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        x = noise.randn("x", 2)
        return Samples(self.spread * torch.stack([x[:, 0], 0.5 * x[:, 0] + 0.1 * x[:, 1]], dim=1))


@dataclass(frozen=True)
class Numbered:
    """Data set of forty points; the first coordinate is the index divided by forty."""

    shape: tuple[int, ...] = field(default=(2,), init=False)
    split: str = field(default="train", init=False)
    size: int = field(default=40, init=False)

    def unmet(self) -> tuple[str, ...]:
        return ()

    def held_out(self) -> Numbered:
        return self

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        return Samples(torch.stack([indices.float() / 40, torch.ones(len(indices))], dim=1))


@dataclass(frozen=True)
class Coupled:
    """Loss with two players and a statistic of the batch inside a square, which n processes must compute like one."""

    weight: Schedule
    warmup_steps: int = 0

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("warmup", ("encoder", "decoder"), self.reconstruct, stop=self.warmup_steps),
            Phase("encoder", ("encoder",), self.encode, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decode, start=self.warmup_steps, every=2),
        )

    def reconstruct(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        q = model.encoder(batch.x)
        x = model.decoder(q.sample(batch.randn("eps", model.latent_dim)))
        return PhaseLoss((x - batch.x).square().mean() + 0.1 * kl_to_prior(q).mean(), {})

    def encode(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        q = model.encoder(batch.x)
        batch.carry["rec"] = model.decoder(q.sample(batch.randn("eps", model.latent_dim)))
        statistic = batch.gather(kl_to_prior(q)).mean().square()
        total = (batch.carry["rec"] - batch.x).square().mean() + self.weight(batch.t) * statistic
        return PhaseLoss(total, {"statistic": statistic.detach()})

    def decode(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        fake = model.decoder(batch.z)
        total = (batch.carry["rec"] - batch.x).square().mean() + 0.1 * fake.square().mean()
        return PhaseLoss(total, {"fake": fake.detach().square().mean()})


@dataclass(frozen=True)
class ReachedInWarmUp(Coupled):
    """Loss that reaches the last layer of the decoder in the warm-up only."""

    def encode(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        return PhaseLoss(kl_to_prior(model.encoder(batch.x)).mean(), {})

    def decode(self, model: TinyAutoencoder, batch: Batch) -> PhaseLoss:
        return PhaseLoss(model.decoder[:2](batch.z).square().mean(), {})


@dataclass(frozen=True)
class Acting(VAE):
    """VAE with actions: shrink a weight, take a bias from all codes of the batch, and forget moments once."""

    def actions(self) -> tuple[Action, ...]:
        return (
            Action("shrink", self.shrink, before="vae", every=2),
            Action("centre", self.centre, start=3),
            Action("forget", self.forget, start=5, stop=6, resets=("decoder",)),
        )

    def shrink(self, model: TinyAutoencoder, batch: Batch) -> None:
        model.decoder[0].weight.mul_(0.9)

    def centre(self, model: TinyAutoencoder, batch: Batch) -> None:
        codes = model.encoder(batch.x).sample(batch.randn("codes", model.latent_dim))
        model.encoder.linear.bias[: model.latent_dim] -= 0.1 * batch.gather(codes).mean(dim=0)

    def forget(self, model: TinyAutoencoder, batch: Batch) -> None:
        pass


class TinyPlugin:
    """Plugin as an object. pluggy accepts modules and objects."""

    genkit_hooks = 1

    @hookimpl
    def genkit_models(self):
        yield Entry("tiny", f"{__name__}:TinyAutoencoder", "", "")

    @hookimpl
    def genkit_datasets(self):
        yield Entry("blob", f"{__name__}:Blob", "", "")
        yield Entry("numbered", f"{__name__}:Numbered", "", "")

    @hookimpl
    def genkit_losses(self):
        yield Entry("coupled", f"{__name__}:Coupled", "", "")
        yield Entry("acting", f"{__name__}:Acting", "", "")
        yield Entry("reached-in-warm-up", f"{__name__}:ReachedInWarmUp", "", "")


def registry_with(*plugins: object) -> Registry:
    """Return a registry of genkit's parts, the tiny parts, and `plugins`."""
    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0.1.0"))
    registry.register(TinyPlugin(), Owner("tiny", "genkit-torch-tiny", "0.1.0"))
    for number, plugin in enumerate(plugins):
        registry.register(plugin, Owner(f"plugin{number}", f"genkit-torch-plugin{number}", "2.0"))
    return registry
