"""The laws that every part obeys, as functions that a plugin's own tests call."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.batch import Batch
from genkit.model import Model
from genkit.noise import Noise, Rows
from genkit.types import Loss, Phase


def batch_of(x: Tensor, latent_dim: int, *, seed: int = 0, step: int = 0, t: float = 0.0) -> Batch:
    """Return the batch that the loop would make of the samples x, (B, *data_shape), in its dtype and on its device."""
    noise = Noise(seed, step, "prior", Rows.all(len(x)), x.device, x.dtype)
    return Batch(x=x, z=noise.randn("z", latent_dim), t=t, noise=noise)


def phase_gradients(phase: Phase, model: Model, batch: Batch) -> dict[str, Tensor | None]:
    """Return the gradient of a phase's total by parameter name, for the children it updates; None: not reached."""
    names = [name for name, _ in model.named_parameters() if name.split(".")[0] in phase.updates]
    parameters = dict(model.named_parameters())
    total = phase.loss(model, batch.in_phase(phase.name)).total
    gradients = torch.autograd.grad(
        total, [parameters[name] for name in names], retain_graph=bool(batch.carry), allow_unused=True
    )
    return dict(zip(names, gradients, strict=True))


def assert_gradients_reach_updates(loss: Loss, model: Model, batch: Batch, *, step: int) -> None:
    """Assert that in `step` every due phase's gradient reaches all parameters of the children that it updates."""
    for phase in loss.phases():
        if phase.due(step):
            missed = [name for name, gradient in phase_gradients(phase, model, batch).items() if gradient is None]
            assert not missed, f"phase {phase.name!r} does not reach {missed}"
