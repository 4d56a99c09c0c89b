"""The fully connected layer is torch's, whichever way its product takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genkit.core.layers import linear
from genkit.core.layers.linear import SMALLEST, Linear

SIZES = {"wide": (40, 24), "narrow": (SMALLEST, SMALLEST), "too small for oneDNN": (2, 40)}
through_onednn = pytest.mark.skipif(not linear.ONEDNN, reason="torch has no oneDNN here")


def pair(inputs: int, outputs: int, bias: bool = True) -> tuple[Linear, nn.Linear]:
    torch.manual_seed(3)
    ours = Linear(inputs, outputs, bias=bias)
    torch.manual_seed(3)
    return ours, nn.Linear(inputs, outputs, bias=bias)


def gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(layer(x).square().sum(), (x, *layer.parameters())))


def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return a list to which every product through oneDNN adds the sizes of its factors."""
    calls, product = [], linear._product

    def told(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
        calls.append((*a.shape, *b.shape))
        return product(a, b, bias)

    monkeypatch.setattr(linear, "_product", told)
    return calls


def test_it_starts_and_is_saved_as_torchs() -> None:
    ours, theirs = pair(40, 24)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_torchs(size: tuple[int, int], bias: bool) -> None:
    ours, theirs = pair(*size, bias=bias)
    x = torch.randn(7, size[0], requires_grad=True)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(gradients(ours, x), gradients(theirs, x))


@through_onednn
def test_a_wide_product_goes_through_onednn_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = products(monkeypatch)
    x = torch.randn(7, 40, requires_grad=True)
    gradients(pair(40, 24)[0], x)
    assert len(calls) == 3  # the value, the gradient of the input, and that of the weight
    pair(40, 24)[0].double()(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert pair(40, 24)[0](x).dtype == torch.bfloat16
    pair(40, 24)[0].to("meta")(x.to("meta"))
    pair(2, 40)[0](torch.randn(7, 2))
    pair(40, 24)[0](torch.randn(3, 7, 40))
    assert len(calls) == 3


@through_onednn
def test_no_weight_is_differentiated_that_backward_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair(40, 24)[0], pair(24, 32)[0]
    total = second(first(torch.randn(7, 40))).sum()
    calls = products(monkeypatch)
    total.backward(inputs=list(first.parameters()), retain_graph=True)
    assert calls == [(7, 32, 24, 32), (24, 7, 40, 7)]  # through `second` to its input, and to the weight of `first`
    calls.clear()
    total.backward(inputs=list(second.parameters()))
    assert (32, 7, 24, 7) in calls and (24, 7, 40, 7) not in calls
    assert all(parameter.grad is not None for parameter in (*first.parameters(), *second.parameters()))


def test_a_gradient_penalty_is_torchs() -> None:
    penalties = []
    for layer in pair(40, 24):
        x = torch.linspace(-1, 1, 280).reshape(7, 40).requires_grad_()
        (slope,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        penalties.append(torch.autograd.grad(penalty, (x, *layer.parameters())))
    torch.testing.assert_close(*penalties)


@through_onednn
def test_a_second_derivative_that_would_lack_a_term_is_refused() -> None:
    ours, x = pair(40, 24)[0], torch.randn(7, 40)
    (slope,) = torch.autograd.grad(ours(x).square().sum(), ours.weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()
