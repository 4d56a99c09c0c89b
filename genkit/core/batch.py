"""Input of one training step, passed to the loss of each phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior, require_standard_normal


@dataclass(frozen=True)
class Batch:
    """Input of one step. All phases of the step see the same samples and the same prior noise.

    Draw codes of the prior with ``model.prior.sample(batch.prior_noise)``.
    """

    x: Tensor
    """Samples, (B, *data_shape); images are in [0, 1]."""
    t: float
    """Progress of the run, in [0, 1)."""
    noise: Noise
    """Randomness of this phase."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """Labels and similar, each (B, ...)."""
    carry: dict[str, Tensor] = field(default_factory=dict)
    """Tensors for later phases of this step."""
    targets: Mapping[str, nn.Module] = field(default_factory=dict)
    """The target of each child that a `LossWithTargets` names."""
    phase_start: float = 0.0
    """Progress of the run at the first step of this phase."""
    prior: Prior | None = None
    """The prior of the model, for `z`."""
    rank: int = 0
    """Rank of this process."""
    gather_rows: Callable[[Tensor], Tensor] | None = None
    """Gathers the rows of all processes; None if this process is alone."""
    # Networks run in float32 and uncompiled within `with batch.full_precision():`.
    full_precision: Callable[[], AbstractContextManager[None]] = nullcontext

    def randn(self, tag: str, *shape: int) -> Tensor:
        """Return standard normal numbers, (B, *shape).

        `shape` is that of one row. `tag` names the draw within the phase: equal tags give equal numbers.
        """
        return self.noise.randn(tag, *shape)

    def rand(self, tag: str, *shape: int) -> Tensor:
        """Return numbers uniform on [0, 1), (B, *shape); `tag` as in `randn`."""
        return self.noise.rand(tag, *shape)

    @property
    def prior_noise(self) -> Noise:
        """Randomness of the codes of the prior, the same in all phases of the step."""
        return self.noise.of("prior")

    @property
    def z(self) -> Tensor:
        """Codes of the prior N(0, I), (B, L), the same in all phases of the step.

        Raises `ValueError` if the model has another prior, which may change between the phases.
        """
        assert self.prior is not None, "a batch without the prior of the model has no codes"
        remedy = "Draw the codes with model.prior.sample(batch.prior_noise)"
        require_standard_normal(self.prior, "batch.z", remedy)
        return self.prior.sample(self.prior_noise)

    def gather(self, x: Tensor) -> Tensor:
        """Return the rows of all processes, (B, ...) -> (B_global, ...), with gradient.

        A value that couples the samples of a batch (a batch mean inside a nonlinearity, a distance between batches)
        must be computed from gathered rows. Then n processes compute the same step as one process.
        """
        return x if self.gather_rows is None else self.gather_rows(x)

    def gather_posteriors(self, *posteriors: DiagNormal) -> tuple[DiagNormal, ...]:
        """Return the posteriors of the samples of all processes, each (B, L) -> (B_global, L), in one exchange.

        Each exchange makes the processes wait for each other, and the backward exchanges once more.
        """
        if self.gather_rows is None:
            return posteriors
        sizes = [tensor.shape[1] for posterior in posteriors for tensor in posterior]
        joined = torch.cat([tensor for posterior in posteriors for tensor in posterior], dim=1)
        tensors = iter(self.gather_rows(joined).split(sizes, dim=1))
        return tuple(DiagNormal(mu, logvar) for mu, logvar in zip(tensors, tensors, strict=True))

    def own(self, x: Tensor) -> Tensor:
        """Return the rows of a gathered tensor that belong to this process, (B_global, ...) -> (B, ...)."""
        size = len(self.x)
        return x[self.rank * size : (self.rank + 1) * size]

    def in_phase(self, name: str, start: float = 0.0) -> Batch:
        """Return this batch with the randomness of the phase `name`. The phase's first step is at progress `start`."""
        return replace(self, noise=self.noise.of(name), phase_start=start)

    @property
    def phase_t(self) -> float:
        """Progress since the first step of the phase, in [0, 1). Use it for a curriculum within the phase."""
        return max(self.t - self.phase_start, 0.0) / (1 - self.phase_start) if self.phase_start < 1 else 0.0


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the micro-batches of a process, which follow each other in the global batch, as one batch."""
    first = batches[0]
    if len(batches) == 1:
        return first
    rows = Rows(first.noise.rows.start, batches[-1].noise.rows.stop, first.noise.rows.total)
    return replace(
        first,
        x=torch.cat([batch.x for batch in batches]),
        noise=replace(first.noise, rows=rows),
        extra={name: torch.cat([batch.extra[name] for batch in batches]) for name in first.extra},
        carry={name: torch.cat([batch.carry[name] for batch in batches]) for name in first.carry},
    )
