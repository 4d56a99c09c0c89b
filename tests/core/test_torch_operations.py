"""Operations of torch as they are watched, and which of them draw from the global generator."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from genkit.core.torch_operations import OperationWatch, draws_globally


class Draws(OperationWatch):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.drawn: list[str] = []

    def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        self.names.append(operation.overloadpacket.__name__)
        if draws_globally(operation, args, kwargs):
            self.drawn.append(self.names[-1])


def draws_of(call: str) -> list[str]:
    names = {"torch": torch, "F": F, "x": torch.ones(2, 4, 4), "lstm": torch.nn.LSTM(4, 4, 2, dropout=0.5)}
    with Draws() as draws, torch.random.fork_rng():
        before = torch.get_rng_state()
        eval(call, {**names, "generator": torch.Generator()})
        moved = not torch.equal(before, torch.get_rng_state())
    assert bool(draws.drawn) == moved, "what moves the generator"
    return draws.drawn


@pytest.mark.parametrize(
    "call",
    [
        *("torch.randn(3)", "torch.randn_like(x)", "x.normal_()", "x.uniform_()", "torch.randperm(4)"),
        *("torch.bernoulli(x)", "torch.multinomial(x[0], 2)", "F.dropout(x)", "F.rrelu(-x, training=True)"),
        "F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)",
        "lstm(x)",
    ],
)
def test_a_draw_from_the_global_generator_is_seen(call: str) -> None:
    assert draws_of(call)


@pytest.mark.parametrize(
    "call",
    [
        *("torch.randn(3, generator=generator)", "x.normal_(generator=generator)", "F.dropout(x, training=False)"),
        *("F.rrelu(-x, training=False)", "F.scaled_dot_product_attention(x, x, x)", "x @ x"),
    ],
)
def test_what_leaves_the_global_generator_alone_is_no_draw(call: str) -> None:
    assert not draws_of(call)


def test_a_watch_sees_the_operation_its_arguments_and_its_result() -> None:
    x = torch.ones(2, 2)
    seen: list[Any] = []

    class Watch(OperationWatch):
        def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
            seen.append((operation.overloadpacket.__name__, args, kwargs, out))

    with Watch():
        product = x @ x
    assert [(name, len(args), kwargs, out is not None) for name, args, kwargs, out in seen] == [("mm", 2, {}, True)]
    assert seen[0][1][0] is x and torch.equal(seen[0][3], product)
