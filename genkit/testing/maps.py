"""Law of the maps of errors and scores."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from genkit.testing.law import assert_same


def assert_map_adds_up(make: Callable[[], Tensor], total: Tensor) -> None:
    """Assert that a map, if there is one, sums to the score or error of each sample, (B,)."""
    try:
        found = make()
    except ValueError:  # it has no map
        return
    assert isinstance(found, Tensor), f"map returned a {type(found).__name__}, expected a tensor (B, H, W)"
    assert found.dim() == 3, f"map: the shape is {tuple(found.shape)}, expected (B, H, W)"
    assert_same(found.sum(dim=(1, 2)), total, "the sum of the map beside the number", rtol=1e-4, atol=1e-4)
