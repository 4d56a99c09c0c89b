"""Laws of divergences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise, Rows
from genkit.core.types import Divergence
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.testing.law import Law, assert_finite, assert_same, for_each_case, hold

ROWS = 6
ROUNDING = 1e-4  # of the number of latent dimensions: float32 terms of size 1 that cancel
NO_DRAWS = "Remove the draw."


def assert_divergence_is_lawful(
    divergence: Divergence, *, latent_dims: Sequence[int] = (1, 512), extreme: float = 30.0
) -> None:
    """Assert what losses assume of a divergence, for Gaussians of each latent dimension L.

    - It is one number a sample, (B,), in the dtype and on the device of p, also on torch's meta device.
    - A second call returns the same numbers, draws nothing, and changes neither p nor q.
    - It is zero on itself, to rounding, unless the class declares ``zero_on_itself: ClassVar[bool] = False``.
    - It is not negative, unless the class declares ``non_negative: ClassVar[bool] = False``.
    - It is symmetric, if the class declares ``symmetric: ClassVar[bool] = True``. Each may be a property as well.
    - Permuting the rows of p and q alike permutes its values.
    - It is finite, and so are its gradients, for the log-variances -30 and 30, or ±`extreme`.
    - It takes bfloat16.

    Leave out of `latent_dims` what the divergence refuses with `ValueError`. Raises `ValueError` if none is left, or
    if one of them is not positive.
    """
    if not latent_dims or min(latent_dims) < 1:
        raise ValueError(f"latent_dims is {tuple(latent_dims)}: give positive numbers, at least one")
    hold(divergence, for_each_case({f"L = {size}": _Trial(divergence, size, extreme).laws() for size in latent_dims}))


@dataclass(frozen=True)
class _Trial:
    """A divergence, and the latent dimension of the Gaussians that it compares."""

    divergence: Divergence
    size: int
    extreme: float  # log-variance; networks of genkit clamp theirs to [-20, 10]

    def laws(self) -> list[Law]:
        return [
            Law(
                "one number a sample",
                self.shape,
                "Return a tensor (B,) that is computed from p and q, without .item(), NumPy or a dtype or device of "
                "its own. Expand a statistic of the batch to (B,)",
                basic=True,
            ),
            Law("pure", self.pure, "Compute from p and q only: keep no state, draw nothing, change no argument"),
            Law(
                "zero on itself if declared",
                self.zero_on_itself,
                "Compare the formula with its source, or declare `zero_on_itself: ClassVar[bool] = False`",
            ),
            Law(
                "not negative if declared",
                self.not_negative,
                "Look for a wrong sign, or declare `non_negative: ClassVar[bool] = False`",
            ),
            Law(
                "symmetric if declared",
                self.symmetric,
                "Remove `symmetric: ClassVar[bool] = True` from the class, or correct the formula",
            ),
            Law(
                "rows in any order",
                self.any_order,
                "Compare row i of p with row i of q, or take a statistic that ignores the order of the rows",
            ),
            Law(
                f"finite at log-variances of ±{self.extreme:g}",
                self.finite_at_extremes,
                "Subtract log-variances before exp(), divide by no variance, and take log-sums with logsumexp",
            ),
            Law(
                "takes bfloat16",
                self.takes_bfloat16,
                "Make constants in the dtype of p, such as p.mu.new_zeros(())",
            ),
        ]

    def shape(self) -> None:
        p, q = self.pair()
        for dtype, device in ((torch.float32, "cpu"), (torch.float64, "cpu"), (torch.float32, "meta")):
            found = self.divergence(*(DiagNormal(*(each.to(device, dtype) for each in side)) for side in (p, q)))
            assert isinstance(found, Tensor), f"it returned a {type(found).__name__}"
            assert found.shape == (ROWS,), f"the shape is {tuple(found.shape)}, expected {(ROWS,)}"
            wanted = (dtype, torch.device(device))
            assert (found.dtype, found.device) == wanted, f"{found.dtype} on {found.device} for {dtype} on {device}"

    def pure(self) -> None:
        p, q = self.pair()
        with refusing_global_draws(self.divergence, NO_DRAWS):
            first, second = (self.divergence(p, q) for _ in range(2))
        assert_same(second, first, "the second call")
        for kept, given in zip((*p, *q), (each for side in self.pair() for each in side), strict=True):
            assert torch.equal(kept, given), "p or q is no longer what it was"

    def zero_on_itself(self) -> None:
        p, _ = self.pair()
        if getattr(self.divergence, "zero_on_itself", True):
            largest = self.divergence(p, p).abs().max().item()
            assert largest <= ROUNDING * self.size, f"the divergence of p from p is {largest:.3g}"

    def not_negative(self) -> None:
        p, q = self.pair()
        if getattr(self.divergence, "non_negative", True):
            least = min(self.divergence(*pair).min().item() for pair in ((p, q), (q, p)))
            assert least >= -ROUNDING * self.size, f"a value is {least:.3g}"

    def symmetric(self) -> None:
        p, q = self.pair()
        if getattr(self.divergence, "symmetric", False):
            near = ROUNDING * self.size
            assert_same(self.divergence(q, p), self.divergence(p, q), "q from p beside p from q", rtol=1e-4, atol=near)

    def any_order(self) -> None:
        p, q = self.pair()
        order = torch.arange(ROWS).roll(2)
        moved = self.divergence(*(DiagNormal(side.mu[order], side.logvar[order]) for side in (p, q)))
        assert_same(moved, self.divergence(p, q)[order], "with its rows in another order", rtol=1e-4, atol=1e-5)

    def finite_at_extremes(self) -> None:
        for of_p, of_q in product((-self.extreme, self.extreme), repeat=2):
            p, q = self.pair()
            sides = (DiagNormal(p.mu, torch.full_like(p.mu, of_p)), DiagNormal(q.mu, torch.full_like(q.mu, of_q)))
            tensors = [each.requires_grad_() for side in sides for each in side]
            found = self.divergence(*sides)
            where = f"for log-variances {of_p:g} and {of_q:g}"
            assert_finite(found, f"the divergence {where}")
            if found.requires_grad:
                for gradient in torch.autograd.grad(found.sum(), tensors, materialize_grads=True):
                    assert_finite(gradient, f"its gradient {where}")

    def takes_bfloat16(self) -> None:
        p, q = (DiagNormal(side.mu.bfloat16(), side.logvar.bfloat16()) for side in self.pair())
        found = self.divergence(p, q)
        assert found.dtype == torch.bfloat16, f"the result is {found.dtype}"
        assert_finite(found, "the divergence")

    def pair(self) -> tuple[DiagNormal, DiagNormal]:
        """Return posteriors as an encoder makes them: means near those of N(0, I), log-variances around -1."""
        noise = Noise(0, 0, "divergence", Rows.all(ROWS))
        p, q = (
            DiagNormal(noise.randn(f"mu {side}", self.size), 0.5 * noise.randn(f"logvar {side}", self.size) - 1)
            for side in "pq"
        )
        return p, q
