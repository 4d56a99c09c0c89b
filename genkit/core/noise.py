"""Random numbers as a pure function of (seed, step, source, tag).

There is no generator state to save or to lose: a resumed run draws what the interrupted one would have drawn. Numbers
are drawn for the whole global batch and cut to the rows of this process, so n processes draw what one would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor


def seed_of(*key: object) -> int:
    """Mix `key` into a 64-bit seed. (torch's CPU generator keeps 32 bits of it.)"""
    text = "/".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Rows:
    """The rows [start, stop) of a global batch of `total` that belong to one process or micro-batch."""

    start: int
    stop: int
    total: int

    @classmethod
    def all(cls, total: int) -> Rows:
        """Return every row: one process, one micro-batch."""
        return cls(0, total, total)

    def __len__(self) -> int:
        """The number of rows."""
        return self.stop - self.start


@dataclass(frozen=True)
class Noise:
    """The randomness of one source (a phase, the prior, the data) in one step."""

    seed: int
    step: int
    source: str
    rows: Rows
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32

    def of(self, source: str) -> Noise:
        """Return the same step's randomness for another source."""
        return replace(self, source=source)

    def randn(self, tag: str, *shape: int) -> Tensor:
        """Return standard normal numbers, (B, *shape): `shape` is that of one row, and `tag` names the draw."""
        return self._draw(torch.randn, tag, shape).to(self.dtype)

    def rand(self, tag: str, *shape: int) -> Tensor:
        """Return numbers uniform on [0, 1), (B, *shape)."""
        return self._draw(torch.rand, tag, shape).to(self.dtype)

    def randint(self, tag: str, high: int, *shape: int) -> Tensor:
        """Return integers uniform on {0, ..., high - 1}, (B, *shape) int64."""
        return self._draw(partial(torch.randint, high), tag, shape)

    def _draw(self, make: Callable[..., Tensor], tag: str, shape: tuple[int, ...]) -> Tensor:
        if self.device.type == "meta":  # a rehearsal: only the shape is asked for
            return make((len(self.rows), *shape), device=self.device)
        # Always drawn in float32 on the CPU: other dtypes and devices draw other numbers.
        generator = torch.Generator().manual_seed(seed_of(self.seed, self.step, self.source, tag))
        drawn = make((self.rows.total, *shape), generator=generator)
        return drawn[self.rows.start : self.rows.stop].to(self.device)
