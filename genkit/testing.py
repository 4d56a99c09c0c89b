"""Assertions for the tests of a plugin: what genkit assumes of every loss and every extractor."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.metric import Extractor
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import Loss, Phase
from genkit.recipe.costs import USE_THE_NOISE
from genkit.recipe.draw_finder import refusing_global_draws
from genkit.recipe.phase_result import checked_result


def batch_of(x: Tensor, latent_dim: int, *, seed: int = 0, step: int = 0, t: float = 0.0) -> Batch:
    """Return the batch that the training loop makes from samples x, (B, *data_shape), with x's dtype and device."""
    noise = Noise(seed, step, "prior", Rows.all(len(x)), x.device, x.dtype)
    return Batch(x=x, z=noise.randn("z", latent_dim), t=t, noise=noise)


def phase_gradients(phase: Phase, model: Model, batch: Batch) -> dict[str, Tensor | None]:
    """Return the gradients of a phase's total, by name of the parameter, for the children that the phase updates.

    The gradient of a parameter that the total does not depend on is None. Raises `ValueError` if the phase returns what
    is no `PhaseLoss` of scalars, or draws from a global random generator.
    """
    names = [name for name, _ in model.named_parameters() if name.split(".")[0] in phase.updates]
    parameters = dict(model.named_parameters())
    with refusing_global_draws(phase.loss, USE_THE_NOISE):
        total = checked_result(phase, phase.loss(model, batch.in_phase(phase.name))).total
    gradients = torch.autograd.grad(
        total, [parameters[name] for name in names], retain_graph=bool(batch.carry), allow_unused=True
    )
    return dict(zip(names, gradients, strict=True))


def assert_gradients_reach_updates(loss: Loss, model: Model, batch: Batch, *, step: int) -> None:
    """Assert that every phase due in `step` has a gradient for every parameter of the children that it updates."""
    for phase in loss.phases():
        if phase.due(step):
            missed = [name for name, gradient in phase_gradients(phase, model, batch).items() if gradient is None]
            assert not missed, f"phase {phase.name!r}: no gradient for {missed}, which the phase updates"


def assert_features_are_lawful(extractor: Extractor, x: Tensor, *others: Extractor) -> None:
    """Assert what metrics assume of an extractor, on samples x, (B, *shape), B >= 2.

    - `unmet` is empty, `name` and `resize` are printable, `digest` is a SHA-256 or empty.
    - Features have the shape (B, F) with F = `width`, are finite, and carry no gradient.
    - A second call returns the same features, and x is unchanged.
    - The features of a sample do not depend on the other samples of the batch.
    - Each of `others`, the same extractor with other settings, differs in `name`, `digest` or `resize` if it makes
      different features. Tables rely on it to keep numbers from different features apart.
    """
    shape, before = tuple(x.shape[1:]), x.clone()
    assert not extractor.unmet(), f"unmet: {extractor.unmet()}"
    assert extractor.name and extractor.name.isprintable(), f"name: {extractor.name!r} is empty or not printable"
    assert not extractor.digest or (len(extractor.digest) == 64 and int(extractor.digest, 16)), (
        f"digest: {extractor.digest!r} is not a SHA-256 in hexadecimal digits"
    )
    assert extractor.resize(shape).isprintable(), f"resize: {extractor.resize(shape)!r} is not printable"

    features, width = extractor(x), extractor.width(shape)
    assert features.shape == (len(x), width), (
        f"width: states {width} features a sample, but the features have the shape {tuple(features.shape)}"
    )
    assert features.isfinite().all(), "features: not finite"
    assert not features.requires_grad, "features: carry a gradient; compute them under torch.no_grad()"
    torch.testing.assert_close(extractor(x), features, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    alone = torch.cat([extractor(row) for row in x.flip(0).split(1)]).flip(0)
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    for other in others:
        if other.width(shape) != width or not torch.equal(other(x), features):
            label, other_label = ((each.name, each.digest, each.resize(shape)) for each in (extractor, other))
            assert label != other_label, (
                f"{other!r} makes other features than {extractor!r}, but both have name, digest and resize {label}"
            )
