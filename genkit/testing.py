"""The laws that every part obeys, as functions that a plugin's own tests call."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.metric import Extractor
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import Loss, Phase


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


def assert_features_are_lawful(extractor: Extractor, x: Tensor, *others: Extractor) -> None:
    """Assert what metrics take for granted of an extractor, on some samples x, (B, *shape), at least two of them.

    Features are finite, (B, F) with the F that is stated, without gradient, the same each time, and each of its own
    sample alone; a name fits on a line, a digest is a SHA-256 or empty, and nothing is unmet. x is left as it was.
    Those of `others`, the same extractor with other settings, that make other features tell of it, by name, digest or
    resizing: tables refuse unlike numbers in one column by nothing else.
    """
    shape, before = tuple(x.shape[1:]), x.clone()
    assert not extractor.unmet(), f"unmet: {extractor.unmet()}"
    assert extractor.name and extractor.name.isprintable(), f"name {extractor.name!r}"
    assert not extractor.digest or (len(extractor.digest) == 64 and int(extractor.digest, 16)), "digest is no SHA-256"
    assert extractor.resize(shape).isprintable(), f"resize {extractor.resize(shape)!r}"

    features, width = extractor(x), extractor.width(shape)
    assert features.shape == (len(x), width), f"{tuple(features.shape)} features, and {width} a sample are stated"
    assert features.isfinite().all() and not features.requires_grad
    torch.testing.assert_close(extractor(x), features, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    alone = torch.cat([extractor(row) for row in x.flip(0).split(1)]).flip(0)
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    for other in others:
        if other.width(shape) != width or not torch.equal(other(x), features):
            told, also = ((each.name, each.digest, each.resize(shape)) for each in (extractor, other))
            assert told != also, f"{other!r} makes other features than {extractor!r}, and both say {told}"
