"""Interfaces of schedules, divergences, reconstruction errors and optimisers. Importing this does not import torch.

Shapes, here and elsewhere: B batch, C channels, H height, W width, L latent dimension; t is progress in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from genkit.core.part_name import bare_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter

    from genkit.core.diag_normal import DiagNormal
    from genkit.core.model import Autoencoder


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

        `variance` is that of each component; None is `implied_variance`. Raises `ValueError` for other errors, and for
        samples that the density does not have. On the meta device samples have no values.
        """
        raise ValueError(
            f"the reconstruction error {bare_name(self)} is no density, so the model has no likelihood. Leave this "
            'out, or train with [model] error = "squared", "l1" or "bce"'
        )

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the share of each pixel in the error of images, (B, C, H, W) twice -> (B, H, W); the sum is the error.

        Raises `ValueError` for an error that is no sum over pixels; this one is for such errors.
        """
        raise ValueError(
            f"the reconstruction error {bare_name(self)} is no sum over pixels, so it has no map. Use the score "
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
