"""Interface of losses: phases, actions, targets and remarks. Importing this does not import torch.

A *loss* is a frozen dataclass. Its fields are the keys of ``[loss]``, and `Loss.phases` returns the updates of one
step. A *phase* is one update: it names the children of the model that it trains, and a function from the model and a
`Batch` to a `PhaseLoss`. A minimal loss, which a recipe would configure with ``beta = 0.5`` or with a schedule:

    from dataclasses import dataclass

    from genkit.api import Autoencoder, Batch, ConstantSchedule, Phase, PhaseLoss, Schedule

    @dataclass(frozen=True)
    class BetaVAE:
        beta: Schedule = ConstantSchedule(1.0)

        def phases(self) -> tuple[Phase, ...]:
            return (Phase("vae", ("encoder", "decoder"), self.vae_loss),)

        def vae_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
            posterior = model.encoder(batch.x)
            z = posterior.sample(batch.randn("posterior", model.latent_dim))
            error = model.error(batch.x, model.decoder(z))
            kl = model.prior.kl(posterior, batch.noise.within("kl"))
            total = (error + self.beta(batch.t) * kl).mean()
            return PhaseLoss(total, {"rec": error.detach().mean(), "kl": kl.detach().mean()})

A dry run calls every phase on tensors without values before a run starts. So a loss must not depend on values: no
``.item()``, no ``if`` on a tensor. All its randomness comes from ``batch.randn`` and ``batch.rand``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.batch import Batch


class PhaseLoss(NamedTuple):
    """Result of a phase."""

    total: Tensor
    """The loss to minimise, () with gradient: the mean over this batch."""
    terms: Mapping[str, Tensor]
    """Numbers for the log by name, each () and detached."""


@dataclass(frozen=True)
class Phase:
    """One update within a step: a loss, and the children of the model that the update trains."""

    name: str
    updates: tuple[str, ...]
    """Children of the model that this phase trains; no other child changes."""
    loss: Callable[[Any, Batch], PhaseLoss]
    """The loss, a function of the model and the batch."""
    every: int = 1
    """It runs when (step + 1) % every == 0."""
    start: int = 0
    """First step in which it may run."""
    stop: int | None = None
    """It runs before this step; None for the end of the run."""

    def due(self, step: int) -> bool:
        """Return whether this phase runs in step number `step`, counted from 0."""
        return _due(self, step)


@dataclass(frozen=True)
class Action:
    """A change of the model that minimises nothing, such as a copy of weights or a new start of a prior.

    `do` is called with the model and the batch of the step, without gradients, and changes tensors in place. It must
    compute from gathered rows, ``batch.gather(...)``, what depends on the samples: then n processes do what one does.
    Like a phase it is a function of the step, so a resumed run repeats it.
    """

    name: str
    """Name of the action, and the source of its random numbers."""
    do: Callable[[Any, Batch], None]
    before: str | None = None
    """The phase that it precedes in a step; None to follow all phases."""
    every: int = 1
    """It runs when (step + 1) % every == 0."""
    start: int = 0
    """First step in which it may run."""
    stop: int | None = None
    """It runs before this step; None for the end of the run."""
    resets: tuple[str, ...] = ()
    """Children whose optimisers then forget their moments."""
    samples: Callable[[Any], int] | None = None
    """How many samples it needs, a function of the model, if they may be more than a batch has.

    From `start` on it then runs in consecutive steps until their batches have had as many; `stop` and `every` keep
    their defaults. It must find its place among them itself, from ``batch.noise.step``.
    """

    def for_batches(self, model: Any, batch_size: int) -> Action:
        """Return the action with the step before which global batches of `batch_size` have had its `samples`."""
        if self.samples is None:
            return self
        return replace(self, stop=self.start + math.ceil(self.samples(model) / batch_size))

    def due(self, step: int) -> bool:
        """Return whether this action runs in step number `step`, counted from 0."""
        return _due(self, step)


def _due(turn: Phase | Action, step: int) -> bool:
    return turn.start <= step and (turn.stop is None or step < turn.stop) and (step + 1) % turn.every == 0


def turns_of(phases: Sequence[Phase], actions: Sequence[Action]) -> tuple[Phase | Action, ...]:
    """Return the phases and the actions of a step in the order in which they run."""
    turns: list[Phase | Action] = []
    for phase in phases:
        turns += [action for action in actions if action.before == phase.name]
        turns.append(phase)
    return (*turns, *(action for action in actions if action.before is None))


@runtime_checkable
class LossWithActions(Protocol):
    """A loss that also changes the model without minimising anything."""

    def actions(self) -> tuple[Action, ...]:
        """Return the actions of one step; those at the same place run in this order."""
        ...


@runtime_checkable
class LossWithTargets(Protocol):
    """A loss that also reads lagging copies of networks, ``batch.targets``, and moves them in an action."""

    def targets(self) -> tuple[str, ...]:
        """Return the names of the children of the model of which the training keeps a copy."""
        ...


class Remark(NamedTuple):
    """What a user should know about a training."""

    text: str
    """A sentence or two, with the remedy."""
    keys: tuple[str, ...] = ()
    """Keys of ``[loss]`` that the remedy changes; a run adds their places."""


@runtime_checkable
class LossWithRemark(Protocol):
    """A loss that can tell from its terms that a training goes wrong without diverging."""

    def remark(self, terms: Mapping[str, float]) -> Remark | None:
        """Return what a user should know about a training with these terms; None if there is nothing.

        `terms` are means over the last 1,000 steps and at least 10 lines of the log, by name: "phase/term". A term that
        some of the lines lack, for example because its phase has just begun, is left out. A run calls this at each
        line, and has one remark, the first.
        """
        ...


@runtime_checkable
class LossWithTermTexts(Protocol):
    """A loss that says what the terms mean that it logs."""

    about_terms: ClassVar[Mapping[str, str]]
    """What a term means, by its name, without that of its phase; the page of a run shows it beside the chart."""


def term_texts(loss: object) -> dict[str, str]:
    """Return what a loss says of its terms, by name; empty if it says nothing."""
    texts = loss.about_terms if isinstance(loss, LossWithTermTexts) else {}
    return {str(name): str(text) for name, text in texts.items()} if isinstance(texts, Mapping) else {}


class Loss(Protocol):
    """Training objective: a frozen dataclass whose fields are the keys of ``[loss]``."""

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of one step, in order."""
        ...
