"""Features at the levels of a network of consecutive layers."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


def outputs_of(kind: type[nn.Module], layers: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """Pass x through the layers in order, and return the output of each layer of that kind, (B, ...) each.

    Raises `ValueError` if there is none. The layer after each of that kind must not work in place.
    """
    found = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, kind):
            found.append(x)
    if not found:
        raise ValueError(f"the network has no layer of the kind {kind.__name__}, so it has no features")
    return found
