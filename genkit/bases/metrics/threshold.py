"""Threshold on scores, from the scores of N normal samples alone.

A sample is called abnormal if its score is *above* the threshold. The threshold is the lowest score of a normal sample
such that at most a share `fpr` of the normal samples is above it:

    s_(N - m),   m = ⌊fpr·N⌋

with s_(1) ≤ ... ≤ s_(N). Nothing is interpolated. Equal scores are on the same side of it, so ties lower the share of
normal samples above it and never raise it. If a new normal sample is like the N (exchangeable), the probability that it
is called abnormal is at most (m + 1)/(N + 1): split conformal prediction, Papadopoulos et al. 2002,
https://doi.org/10.1007/3-540-36755-1_29.
"""

from __future__ import annotations

import math

from torch import Tensor

ROUNDING = 1e-9  # 0.29 * 100 is a little below 29


def threshold_at(scores: Tensor, fpr: float) -> float:
    """Return the threshold for scores of normal samples, (N,), at a false positive rate above 0 and below 1.

    Raises `ValueError` if `fpr` is not such a number, or is less than the share 1/N of one sample.
    """
    above = samples_above(len(scores), fpr)
    return float(scores.sort().values[len(scores) - 1 - above])


def samples_above(number: int, fpr: float) -> int:
    """Return m, the most of `number` normal samples that may be above the threshold. Raises `ValueError` for 0."""
    if not 0 < fpr < 1:
        raise ValueError(f"found {fpr:g}, expected a share above 0 and below 1")
    if number == 0:
        raise ValueError("there are no normal samples, so no threshold")
    above = math.floor(fpr * number + ROUNDING)
    if above == 0:
        needed = math.ceil(1 / fpr - ROUNDING)
        raise ValueError(
            f"a share of {fpr:g} of {number:,} normal samples is less than one sample; {needed:,} or more are needed, "
            f"or a rate of {_rounded_up(1 / number):g} or more"
        )
    return above


def _rounded_up(share: float) -> float:
    """Return the next number of two digits that is not less than a share."""
    unit = 10.0 ** (math.floor(math.log10(share)) - 1)
    return round(math.ceil(share / unit - ROUNDING) * unit, 15)
