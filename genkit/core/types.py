"""Interfaces of losses, errors, schedules, divergences and optimisers. Importing this does not import torch.

Shapes, here and elsewhere: B batch, C channels, H height, W width, L latent dimension; t is progress in [0, 1].

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter

    from genkit.core.batch import Batch
    from genkit.core.model import Autoencoder


class DiagNormal(NamedTuple):
    """Batch of diagonal Gaussians N(mu, diag(exp(logvar))), the output of an encoder."""

    mu: Tensor
    """The means, (B, L)."""
    logvar: Tensor
    """Natural logarithms of the variances, (B, L); the model clamps them."""

    def sample(self, eps: Tensor) -> Tensor:
        """Return the reparameterised sample mu + σ·eps, (B, L), for standard normal `eps`, (B, L)."""
        return self.mu + (0.5 * self.logvar).exp() * eps

    def detach(self) -> DiagNormal:
        """Return the same Gaussians without gradient."""
        return DiagNormal(self.mu.detach(), self.logvar.detach())


@runtime_checkable
class Schedule(Protocol):
    """Pure function of the progress t in [0, 1] of a run: a weight, a learning rate, a curriculum."""

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        ...


@runtime_checkable
class Divergence(Protocol):
    """Pure function of two batches of diagonal Gaussians, each (B, L), with a value of shape (B,).

    A statistic of the whole batch is expanded to (B,). Raise `ValueError` for shapes that do not fit: the dry run
    calls every divergence once, on tensors without values, before a run starts.

    A class may declare what it is, as a ``ClassVar[bool]`` or a property, and `genkit.testing` holds it to that:
    ``zero_on_itself``, by default True, ``non_negative``, by default True, and ``symmetric``, by default False. An
    unbiased estimate of a distance is neither of the first two.
    """

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return the divergence of `p` from `q`, (B,)."""
        ...


Link = Literal["identity", "sigmoid"]
"""How a sample follows from the output of a decoder."""


class ReconstructionError(Protocol):
    """Error of a reconstruction: a pure function of samples and of the decoder's output for each, summed over a sample.

    It is a *sum* over the components of a sample, never their mean, so that a weight β_rec means the same for all
    errors. Raise `ValueError` for shapes that do not fit: the dry run calls every error on tensors without values.
    A target x may carry a gradient, since introspective losses compare the fakes of the decoder.

    Derive from this class; only `__call__` must be implemented.
    """

    @property
    def link(self) -> Link:
        """How a sample follows from the decoder's output: it is the output, or for logits the sigmoid of the output."""
        return "identity"

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample, (B, *data_shape) twice -> (B,)."""
        ...

    @property
    def implied_variance(self) -> float | None:
        """Variance of a component under which the error is -log p(x|z) up to a constant; None if there is none."""
        return None

    def log_density(self, x: Tensor, output: Tensor, variance: float | None) -> Tensor:
        """Return log p(x|z) in nats with all constants, (B, *data_shape) twice -> (B,), for an error that is a density.

        `variance` is that of each component; None is `implied_variance`. Raises `ValueError` for other errors.
        """
        raise ValueError(
            f"the reconstruction error {type(self).__name__} is no density, so the model has no likelihood. Leave this "
            'out, or train with [model] error = "squared", "l1" or "bce"'
        )

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the share of each pixel in the error of images, (B, C, H, W) twice -> (B, H, W); the sum is the error.

        Raises `ValueError` for an error that is no sum over pixels; this one is for such errors.
        """
        raise ValueError(
            f"the reconstruction error {type(self).__name__} is no sum over pixels, so it has no map. Use the score "
            "features, or implement its method `map`"
        )

    def of(self, model: Autoencoder) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the error as a function of x and the output, (B, *data_shape) twice -> (B,).

        An error that also reads networks of the model overrides this method.
        """
        return self


@runtime_checkable
class DependentDefaults(Protocol):
    """A part with keys whose default depends on its other keys, such as those that a variant sets.

    Such a field is None by default. The recipe of a run then holds the value that is used in place of None.
    """

    def dependent_defaults(self) -> Mapping[str, Any]:
        """Return, for fields that are None, the value that is used, by field; none where no single value is."""
        ...


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


class Loss(Protocol):
    """Training objective: a frozen dataclass whose fields are the keys of ``[loss]``."""

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of one step, in order."""
        ...


class Optimiser(Protocol):
    """Optimiser of one child of the model: a frozen dataclass whose fields are the keys of ``[optimiser.CHILD]``."""

    @property
    def lr(self) -> Schedule:
        """Learning rate as a function of the progress t."""
        ...

    @property
    def clip_norm(self) -> float | None:
        """Largest Euclidean norm of the child's gradient, to which it is clipped; None: no clipping."""
        ...

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a torch optimiser of these parameters. The training loop sets its learning rate before each step."""
        ...
