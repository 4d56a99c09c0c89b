"""Fully connected layer: same results as `torch.nn.Linear`, with and without oneDNN."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genkit.core.layers import linear
from genkit.core.layers.linear import SMALLEST, Linear

SIZES = {"wide": (40, 24), "narrow": (SMALLEST, SMALLEST), "too small for oneDNN": (2, 40)}
needs_onednn = pytest.mark.skipif(not linear.ONEDNN, reason="this build of torch has no oneDNN")


def pair(inputs: int, outputs: int, bias: bool = True) -> tuple[Linear, nn.Linear]:
    torch.manual_seed(3)
    ours = Linear(inputs, outputs, bias=bias)
    torch.manual_seed(3)
    return ours, nn.Linear(inputs, outputs, bias=bias)


def gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(layer(x).square().sum(), (x, *layer.parameters())))


def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return a list to which every product through oneDNN appends the sizes of its factors."""
    calls, product = [], linear._product

    def recorded(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
        calls.append((*a.shape, *b.shape))
        return product(a, b, bias)

    monkeypatch.setattr(linear, "_product", recorded)
    return calls


def test_initial_weights_and_their_names_are_those_of_torch() -> None:
    ours, theirs = pair(40, 24)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_equal_those_of_torch(size: tuple[int, int], bias: bool) -> None:
    ours, theirs = pair(*size, bias=bias)
    x = torch.randn(7, size[0], requires_grad=True)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(gradients(ours, x), gradients(theirs, x))


@needs_onednn
def test_only_large_float32_products_on_the_cpu_go_through_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = products(monkeypatch)
    x = torch.randn(7, 40, requires_grad=True)
    gradients(pair(40, 24)[0], x)
    assert len(calls) == 3  # value, gradient of the input, gradient of the weight
    pair(40, 24)[0].double()(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert pair(40, 24)[0](x).dtype == torch.bfloat16
    pair(40, 24)[0].to("meta")(x.to("meta"))
    pair(2, 40)[0](torch.randn(7, 2))
    pair(40, 24)[0](torch.randn(3, 7, 40))
    assert len(calls) == 3


@needs_onednn
def test_backward_computes_no_gradient_of_a_weight_that_it_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair(40, 24)[0], pair(24, 32)[0]
    total = second(first(torch.randn(7, 40))).sum()
    calls = products(monkeypatch)
    total.backward(inputs=list(first.parameters()), retain_graph=True)
    assert calls == [(7, 32, 24, 32), (24, 7, 40, 7)]  # input of `second`, then weight of `first`
    calls.clear()
    total.backward(inputs=list(second.parameters()))
    assert (32, 7, 24, 7) in calls and (24, 7, 40, 7) not in calls
    assert all(parameter.grad is not None for parameter in (*first.parameters(), *second.parameters()))


def test_a_gradient_penalty_equals_that_of_torch() -> None:
    penalties = []
    for layer in pair(40, 24):
        x = torch.linspace(-1, 1, 280).reshape(7, 40).requires_grad_()
        (slope,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        penalties.append(torch.autograd.grad(penalty, (x, *layer.parameters())))
    torch.testing.assert_close(*penalties)


@needs_onednn
def test_a_second_derivative_through_the_gradient_of_a_weight_is_refused() -> None:
    ours, x = pair(40, 24)[0], torch.randn(7, 40)
    (slope,) = torch.autograd.grad(ours(x).square().sum(), ours.weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()
