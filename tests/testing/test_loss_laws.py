"""The laws of losses: each mutant, a loss with one mistake, breaks one."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn

from genkit.api import VAE, Action, Autoencoder, Batch, Phase, PhaseLoss
from genkit.parts.models.mlp import MLP
from genkit.parts.priors.per_class import PerClass
from genkit.testing import assert_loss_is_lawful, batch_for, small_autoencoder, small_gan
from genkit.testing.loss_laws import _Laws


@dataclass(frozen=True)
class Spread(VAE):
    """A VAE that also keeps the mean code of the batch near 0: a statistic of the batch, with gather."""

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("vae", ("encoder", "decoder"), self.loss),)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        x, posterior = batch.x, model.encoder(batch.x)
        z = posterior.sample(batch.randn("posterior", model.latent_dim))
        total = model.error(x, model.decoder(z)).mean() + self.centre(model, posterior, batch)
        return PhaseLoss(total, {"centre": posterior.mu.detach().mean()})

    def centre(self, model, posterior, batch):
        return batch.gather(posterior.mu).mean(dim=0).square().sum()


@pytest.mark.parametrize("loss", [VAE(), Spread()], ids=["vae", "spread"])
def test_lawful_losses_pass(loss):
    assert_loss_is_lawful(loss)
    assert_loss_is_lawful(loss, small_autoencoder((3,), 2))


def test_a_conditional_model_is_given_its_classes():
    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    model.prior = PerClass(latent_dim=2, classes=3)
    assert_loss_is_lawful(VAE(), model.double())
    assert model.given_labels is None
    assert batch_for(model).extra["label"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


class ForgotGather(Spread):
    def centre(self, model, posterior, batch):
        return posterior.mu.mean(dim=0).square().sum()


class GathersTooLate(Spread):
    def centre(self, model, posterior, batch):
        return batch.gather(posterior.mu.mean(dim=0).square().sum()[None]).mean()


class Sums(Spread):
    def centre(self, model, posterior, batch):
        return posterior.mu.square().sum()


class Items(Spread):
    def centre(self, model, posterior, batch):
        return posterior.mu.square().mean() * (2.0 if posterior.mu.mean().item() > 0 else 1.0)


class Branches(Spread):
    def centre(self, model, posterior, batch):
        return posterior.mu.square().mean() if posterior.mu.mean() > 0 else posterior.logvar.square().mean()


class WithNumpy(Spread):
    def centre(self, model, posterior, batch):
        return posterior.mu.square().mean() * float(np.mean(batch.x.numpy()))


class DrawsGlobally(Spread):
    def centre(self, model, posterior, batch):
        return (posterior.mu + 1e-6 * torch.randn_like(posterior.mu)).square().mean()


class Prints(Spread):
    def centre(self, model, posterior, batch):
        print("centre", posterior.mu.shape)
        return super().centre(model, posterior, batch)


@dataclass(frozen=True)
class Counts(Spread):
    calls: list = field(default_factory=list)

    def centre(self, model, posterior, batch):
        self.calls.append(1)
        return len(self.calls) * super().centre(model, posterior, batch)


class Detaches(Spread):
    def loss(self, model, batch):
        posterior = model.encoder(batch.x).detach()
        return PhaseLoss(model.error(batch.x, model.decoder(posterior.mu)).mean(), {})


class Backward(Spread):
    def loss(self, model, batch):
        total, terms = super().loss(model, batch)
        if not batch.x.is_meta:
            total.backward(retain_graph=True)
        return PhaseLoss(total, terms)


class Clamps(Spread):
    def loss(self, model, batch):
        with torch.no_grad():
            for parameter in model.decoder.parameters():
                parameter.clamp_(-0.01, 0.01)
        return super().loss(model, batch)


class ScalesTheBatch(Spread):
    def loss(self, model, batch):
        batch.x.mul_(0.5)
        return super().loss(model, batch)


class Remembers(Spread):
    """Keeps the mean code in a buffer, from which nothing is computed."""

    def centre(self, model, posterior, batch):
        model.encoder.seen.copy_(posterior.mu.detach().mean())
        return super().centre(model, posterior, batch)


class MovesItsTarget(Spread):
    def targets(self):
        return ("encoder",)

    def loss(self, model, batch):
        for parameter in batch.targets["encoder"].parameters():
            parameter.mul_(0.5)
        return super().loss(model, batch)


class WithGraph(Spread):
    def loss(self, model, batch):
        total, _ = super().loss(model, batch)
        return PhaseLoss(total, {"total-too": total})


class NotFinite(Spread):
    def centre(self, model, posterior, batch):
        return (posterior.mu - posterior.mu).sqrt().mean() + posterior.mu.mean() / 0.0


class TwoNames(Spread):
    def phases(self):
        return (*super().phases(), *super().phases())


class NoChild(Spread):
    def phases(self):
        return (Phase("vae", ("encoder", "critic"), self.loss),)


class NotAFrozenDataclass:
    def phases(self):
        return Spread().phases()


class ActsAlone(Spread):
    def actions(self):
        return (Action("shift", self.shift),)

    def shift(self, model, batch):
        rows = self.rows(model, batch)
        model.encoder.net[1].bias.copy_(rows.mean(dim=0).mean() + torch.zeros(8))

    def rows(self, model, batch):
        return model.encoder(batch.x).mu


class ActsTogether(ActsAlone):
    def rows(self, model, batch):
        return batch.gather(model.encoder(batch.x).mu)


def test_an_action_of_gathered_rows_passes():
    assert_loss_is_lawful(ActsTogether(), small_autoencoder((2,), 2))


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (ForgotGather, "two processes are one"),
        (GathersTooLate, "two processes are one"),
        (Sums, "two processes are one"),
        (ActsAlone, "actions of two processes are one"),
        (Items, "no tensor values in Python"),
        (Branches, "no tensor values in Python"),
        (WithNumpy, "no tensor values in Python"),
        (DrawsGlobally, "draws from the batch only"),
        (Prints, "prints nothing"),
        (Counts, "the same again"),
        (Detaches, "reaches what it updates"),
        (Backward, "changes nothing"),
        (Clamps, "changes nothing"),
        (ScalesTheBatch, "changes nothing"),
        (MovesItsTarget, "changes nothing"),
        (WithGraph, "totals and terms"),
        (NotFinite, "totals and terms"),
        (TwoNames, "phases"),
        (NoChild, "children"),
        (NotAFrozenDataclass, "phases"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_loss_is_lawful(kind(), small_autoencoder((2,), 2))


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not-stored"])
def test_a_phase_that_writes_into_a_buffer_is_found(stored):
    model = small_autoencoder((2,), 2)
    model.encoder.register_buffer("seen", torch.zeros((), dtype=torch.float64), persistent=stored)
    assert_loss_is_lawful(Spread(), model)
    with pytest.raises(AssertionError, match=r'Remembers.* breaks the law "changes nothing".*encoder\.seen'):
        assert_loss_is_lawful(Remembers(), model)


def test_running_statistics_may_follow_the_batches():
    model = small_autoencoder((2,), 2)
    model.encoder.net = nn.Sequential(*model.encoder.net[:2], nn.BatchNorm1d(8), *model.encoder.net[2:]).double()
    trial = _Laws(Spread(), model, batch_for(model))
    trial.changes_nothing()
    assert model.encoder.net[2].num_batches_tracked > 0 and model.training


def test_a_loss_without_a_fitting_model_asks_for_one():
    class OfFlows(Spread):
        def phases(self):
            return (Phase("flow", ("flow",), self.loss),)

    with pytest.raises(ValueError, match="flow"):
        assert_loss_is_lawful(OfFlows())


def test_a_gather_may_depend_on_another():
    @dataclass(frozen=True)
    class Twice(Spread):
        def centre(self, model, posterior, batch):
            centre = batch.gather(posterior.mu).mean(dim=0)
            return batch.gather((posterior.mu - centre).square()).mean(dim=0).sqrt().sum()

    assert_loss_is_lawful(Twice())


def test_small_gans_and_batches_are_functions_of_the_seed():
    first, again = small_gan((2,), 3), small_gan((2,), 3)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert torch.equal(batch_for(first).x, batch_for(again).x)
    assert first.critic(batch_for(first).x).shape == (8,)
