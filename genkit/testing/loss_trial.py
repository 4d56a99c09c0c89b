"""A loss with the model and the batch that it is tried on, and the calls that a run makes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch

from genkit.core.batch import Batch
from genkit.core.loss import Loss, Phase, PhaseLoss
from genkit.core.model import Model
from genkit.core.targets import make_targets
from genkit.recipe.trial.try_loss import targets_of

PROGRESS = (0.0, 0.5, 1.0)  # of the run: a schedule may turn a part of a loss on or off


@dataclass(frozen=True)
class LossTrial:
    """A loss, and the model and the batch that it is called with."""

    loss: Loss
    model: Model
    given: Batch

    def steps(self) -> Iterator[tuple[int, Batch]]:
        """Yield the steps that together have every phase, at each progress of the run."""
        phases = self.loss.phases()
        windows = [range(phase.start, phase.start + phase.every) for phase in phases]
        steps = {step for phase, window in zip(phases, windows, strict=True) for step in window if phase.due(step)}
        for t in PROGRESS:
            for step in sorted(steps):
                yield step, replace(self.batch(), t=t, noise=replace(self.given.noise, step=step))

    def calls(self) -> Iterator[tuple[Phase, Batch]]:
        """Yield the phases of these steps in their order, each with its batch."""
        for step, batch in self.steps():
            for phase in self.loss.phases():
                if phase.due(step):
                    yield phase, batch.in_phase(phase.name)

    def batch(self) -> Batch:
        """Return the batch of a new step, with targets if the loss reads any."""
        names = targets_of(self.loss)
        targets = self.given.targets or make_targets(self.model, names)
        return replace(self.given, carry={}, targets=targets, prior=self.model.prior)

    def call(self, phase: Phase, batch: Batch) -> PhaseLoss:
        """Return what the loss of a phase returns, under the condition of the batch."""
        with self.model.given(batch.extra, *batch.targets.values()):
            return phase.loss(self.model, batch)

    def fresh(self) -> Self:
        """Return this trial with a copy of the model and of the samples."""
        return replace(self, model=copy.deepcopy(self.model), given=replace(self.given, x=self.given.x.clone()))

    def evaluating(self) -> Self:
        """Return this trial with a copy of the samples, and of the model and its targets in evaluation mode."""
        targets = {name: copy.deepcopy(target).eval() for name, target in self.given.targets.items()}
        given = replace(self.given, x=self.given.x.clone(), targets=targets)
        return replace(self, model=copy.deepcopy(self.model).eval(), given=given)

    def on_meta(self) -> Self:
        """Return this trial on torch's meta device, where tensors have no values."""
        meta = torch.device("meta")
        given = replace(
            self.given,
            x=self.given.x.to(meta),
            noise=replace(self.given.noise, device=meta),
            extra={name: tensor.to(meta) for name, tensor in self.given.extra.items()},
            targets={},
        )
        return replace(self, model=copy.deepcopy(self.model).to(meta), given=given)
