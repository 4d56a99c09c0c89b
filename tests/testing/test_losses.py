"""Laws of `genkit.testing`: each refuses a loss that breaks it, and names what is broken."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from genkit.api import Autoencoder, Batch, ConstantSchedule, Phase, PhaseLoss, Schedule
from genkit.testing import (
    assert_processes_agree,
    assert_schedules_follow_the_run,
    batch_of,
    small_autoencoder,
    take_step,
)


@dataclass(frozen=True)
class Squared:
    """Loss with the square of a batch mean."""

    weight: Schedule = ConstantSchedule(1.0)
    unused: Schedule = ConstantSchedule(1.0)
    gathers: bool = True
    of_phase: bool = False

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("ae", ("encoder", "decoder"), self.loss),)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        x = model.decoder(model.encoder(batch.x).sample(batch.randn("eps", model.latent_dim)))
        x = batch.gather(x) if self.gathers else x
        return PhaseLoss(self.weight(batch.phase_t if self.of_phase else batch.t) * x.mean().square(), {})


@dataclass(frozen=True)
class Late(Squared):
    """The same for the encoder alone, from step 5."""

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("late", ("encoder",), self.loss, start=5),)


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return batch_of(torch.randn(8, 2, dtype=torch.float64, generator=generator), 3, t=0.5)


def model() -> Autoencoder:
    return small_autoencoder((2,), 3)


def test_a_statistic_of_gathered_rows_is_the_same_on_two_processes() -> None:
    assert_processes_agree(Squared(), model(), batch())
    with pytest.raises(AssertionError, match='"ae".*Gather'):
        assert_processes_agree(Squared(gathers=False), model(), batch())


def test_a_schedule_is_read_at_the_progress_of_the_run_and_used() -> None:
    assert_schedules_follow_the_run(Squared(), model(), batch(), "weight")
    with pytest.raises(AssertionError, match="batch.t"):
        assert_schedules_follow_the_run(Squared(of_phase=True), model(), batch(), "weight")
    with pytest.raises(AssertionError, match="unused: no phase"):
        assert_schedules_follow_the_run(Squared(), model(), batch(), "weight", "unused")


def test_a_small_autoencoder_depends_on_its_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = model(), model(), small_autoencoder((2,), 3, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    for a, b, c in zip(first.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c) and a.dtype == torch.float64
    assert model().sample(torch.randn(4, 3, dtype=torch.float64)).shape == (4, 2)


def test_a_step_updates_the_children_of_the_phases_that_are_due() -> None:
    ours, start = model(), model()
    optimisers = {name: torch.optim.SGD(child.parameters(), 0.1) for name, child in ours.named_children()}
    take_step(Late(), ours, optimisers, batch(), step=4)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), start.parameters(), strict=True))
    take_step(Late(), ours, optimisers, batch(), step=5)
    assert all(torch.equal(a, b) for a, b in zip(ours.decoder.parameters(), start.decoder.parameters(), strict=True))
    assert not any(
        torch.equal(a, b) for a, b in zip(ours.encoder.parameters(), start.encoder.parameters(), strict=True)
    )
