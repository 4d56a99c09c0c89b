"""Random numbers as a pure function of (seed, step, source, tag).

No generator state needs to be saved: a resumed run draws the numbers that the interrupted run would have drawn. Each
process draws the numbers of the whole global batch and keeps its own rows, so n processes use the same numbers as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from genkit.core.transfer import to_device


def seed_of(*key: object) -> int:
    """Return a 64-bit seed, a hash of `key`. torch's CPU generator uses 32 bits of it."""
    text = "/".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Rows:
    """Rows [start, stop) of one process or micro-batch in a global batch of `total` rows."""

    start: int
    stop: int
    total: int

    @classmethod
    def all(cls, total: int) -> Rows:
        """Return all rows, for one process and one micro-batch."""
        return cls(0, total, total)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.stop - self.start


@dataclass(frozen=True)
class Noise:
    """Randomness of one source (a phase, the prior, the data) in one step. B is the number of its `rows`."""

    seed: int
    step: int
    source: str
    rows: Rows
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32

    def of(self, source: str) -> Noise:
        """Return the randomness of another source in the same step."""
        return replace(self, source=source)

    def within(self, name: str) -> Noise:
        """Return randomness of its own for a part of this source, such as one of several terms of a loss."""
        return replace(self, source=f"{self.source}/{name}")

    def randn(self, tag: str, *shape: int) -> Tensor:
        """Return standard normal numbers, (B, *shape).

        `shape` is that of one row. `tag` names the draw: equal tags give equal numbers.
        """
        return self._draw(torch.randn, tag, shape).to(self.dtype)

    def rand(self, tag: str, *shape: int) -> Tensor:
        """Return numbers uniform on [0, 1), (B, *shape)."""
        return self._draw(torch.rand, tag, shape).to(self.dtype)

    def randint(self, tag: str, high: int, *shape: int) -> Tensor:
        """Return integers uniform on {0, ..., high - 1}, (B, *shape) int64."""
        return self._draw(partial(torch.randint, high), tag, shape)

    def _draw(self, make: Callable[..., Tensor], tag: str, shape: tuple[int, ...]) -> Tensor:
        if self.device.type == "meta":  # a dry run needs only the shape
            return make((len(self.rows), *shape), device=self.device)
        # Always in float32 on the CPU: a generator gives different numbers for other dtypes and devices.
        generator = torch.Generator().manual_seed(seed_of(self.seed, self.step, self.source, tag))
        drawn = make((self.rows.total, *shape), generator=generator)
        return to_device(drawn[self.rows.start : self.rows.stop], self.device)
