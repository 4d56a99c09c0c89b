"""Laws of reconstruction errors."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.types import ReconstructionError
from genkit.testing.maps import assert_map_adds_up


def assert_error_is_lawful(error: ReconstructionError, model: Autoencoder, x: Tensor) -> None:
    """Assert what losses and metrics assume of a reconstruction error, on samples x, (B, *data_shape), B >= 2.

    - It is one finite number a sample, (B,), and a second call returns the same numbers.
    - The error of a sample does not depend on the other samples of the batch.
    - Its gradient with respect to the decoder's output, and to a target, is finite.
    - No sample has a smaller error than x itself, if the decoder returns samples.
    - It sums over a sample: x beside itself has twice the error of x. Only channels can be put side by side, so this is
      checked for images, unless the error reads the networks of the model, which have a fixed number of channels.
    - If it has a map, the sum of the map is the error.
    """
    output = model.decoder(model.encoder(x).mu).detach().requires_grad_()
    target, measure = x.clone().requires_grad_(), error.of(model)
    errors = measure(target, output)
    assert errors.shape == (len(x),), f"error: the shape is {tuple(errors.shape)}, expected {(len(x),)}"
    assert errors.isfinite().all(), "error: not finite"
    torch.testing.assert_close(measure(target, output), errors, rtol=0, atol=0)
    alone = torch.cat([measure(*pair) for pair in zip(target.split(1), output.split(1), strict=True)])
    torch.testing.assert_close(alone, errors, rtol=1e-4, atol=1e-4)
    for name, gradient in zip(("target", "output"), torch.autograd.grad(errors.sum(), [target, output]), strict=True):
        assert gradient.isfinite().all(), f"error: its gradient with respect to the {name} is not finite"
    if error.link == "identity":
        assert (measure(x, x) <= errors).all(), "error: x has a larger error than another sample"
        (gradient,) = torch.autograd.grad(measure(x, y := x.clone().requires_grad_()).sum(), y)
        assert gradient.isfinite().all(), "error: its gradient is not finite where there is no difference"
    if measure is error and x.dim() == 4:
        twice = measure(torch.cat([target, target], dim=1), torch.cat([output, output], dim=1))
        torch.testing.assert_close(twice, 2 * errors, rtol=1e-4, atol=1e-4)
    if x.dim() == 4:
        assert_map_adds_up(partial(error.map, model, target, output), errors)
