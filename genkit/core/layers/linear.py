"""A fully connected layer that uses the whole of a CPU.

torch multiplies float32 matrices on a CPU through MKL, which uses AVX-512 on Intel's processors alone; torch's
convolutions go through oneDNN, which uses what there is. On a recent AMD EPYC a product through oneDNN takes half the
time (`python -m benchmarks.products`). So this layer asks oneDNN, where torch has it, and computes as `nn.Linear`
everywhere else: on other devices, in other precisions, and in a gradient that is itself differentiated.

`oneDNN <https://github.com/uxlfoundation/oneDNN>`_ is reached through the operator that torch's own compiler calls.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

SMALLEST = 16  # features on either side; below, a product is over before oneDNN has begun


class Linear(nn.Linear):
    """y = x·Wᵀ + b, (B, inputs) -> (B, outputs): parameters, names and start of `torch.nn.Linear`.

    On the way through oneDNN a gradient of weight or bias cannot be differentiated once more: torch says so with a
    `RuntimeError`. That of x can, as a gradient penalty asks.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x·Wᵀ + b."""
        if not self._suits_onednn(x):
            return super().forward(x)
        if not torch.is_grad_enabled():
            return _product(x, self.weight, self.bias)
        # Two nodes, since autograd leaves out a whole node or nothing: a phase that trains another child then spends
        # no time on this weight. (`Phase.updates` is what backward is asked for; docs/engine.md.)
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
    """x·Wᵀ, whose gradient goes to x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (weight,) = ctx.saved_tensors
        to_be_differentiated = torch.is_grad_enabled()
        return upstream @ weight if to_be_differentiated else _product(upstream, weight.T), None


class _ThroughParameters(torch.autograd.Function):
    """The bias for each row, (B, outputs), whose gradient is that of x·Wᵀ + b with respect to W and b."""

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
