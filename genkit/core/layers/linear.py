"""Fully connected layer whose float32 products on a CPU go through oneDNN.

torch multiplies float32 matrices on a CPU through MKL, which uses AVX-512 on Intel processors only. torch's
convolutions go through oneDNN, which uses AVX-512 on any processor that has it. On a recent AMD EPYC a product through
oneDNN takes half the time (`python -m benchmarks.products`). So this layer calls oneDNN if torch was built with it. On
other devices, in other precisions, and in a gradient that is itself differentiated, it computes as `nn.Linear` does.

`oneDNN <https://github.com/uxlfoundation/oneDNN>`_ is called through the operator that torch's own compiler uses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

SMALLEST = 16  # features on either side; oneDNN is not faster for smaller products


class Linear(nn.Linear):
    """Layer y = x·Wᵀ + b, (B, inputs) -> (B, outputs), with the parameters and the initialisation of `torch.nn.Linear`.

    A product through oneDNN has a gradient for x that can be differentiated again, which a gradient penalty needs. The
    gradients for weight and bias cannot be differentiated again: torch raises `RuntimeError`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x·Wᵀ + b, (B, inputs) -> (B, outputs)."""
        if not self._suits_onednn(x):
            return super().forward(x)
        if not torch.is_grad_enabled():
            return _product(x, self.weight, self.bias)
        # Two autograd nodes, because autograd skips whole nodes only. A phase that trains another child of the model
        # then skips the node of this weight (docs/engine.md).
        y = _ThroughInput.apply(x, self.weight)
        return y.add_(_ThroughParameters.apply(self.weight, self.bias, x.detach()))

    def _suits_onednn(self, x: Tensor) -> bool:
        return (
            x.dim() == 2
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and min(self.in_features, self.out_features) >= SMALLEST
            and not torch.is_autocast_enabled("cpu")
            and ONEDNN
        )


ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a·bᵀ + bias, (n, k), (m, k) and (m,) -> (n, m)."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


class _ThroughInput(torch.autograd.Function):
    """Product x·Wᵀ with a gradient for x only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (weight,) = ctx.saved_tensors
        differentiated_again = torch.is_grad_enabled()
        return upstream @ weight if differentiated_again else _product(upstream, weight.T), None


class _ThroughParameters(torch.autograd.Function):
    """Bias for each row, (B, outputs), with the gradients of x·Wᵀ + b for W and b."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.biased = bias is not None
        rows = weight.new_zeros(()) if bias is None else bias.detach()
        return rows.expand(len(x), len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (x,) = ctx.saved_tensors
        return _product(upstream.T, x.T), upstream.sum(dim=0) if ctx.biased else None, None
