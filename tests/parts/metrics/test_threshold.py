"""Threshold at a false positive rate, compared with a search over all thresholds."""

import math
from fractions import Fraction

import pytest
import torch

from genkit.bases.metrics.threshold import samples_above, threshold_at


def searched(scores: torch.Tensor, fpr: Fraction) -> float:
    """Return the lowest score that at most a share `fpr` of the scores exceeds, by trying each."""
    fitting = [s for s in scores.tolist() if Fraction(int((scores > s).sum()), len(scores)) <= fpr]
    return min(fitting)


@pytest.mark.parametrize("number", [20, 99, 100, 101])
@pytest.mark.parametrize("hundredths", [5, 29, 58, 99])
@pytest.mark.parametrize("values", [2, 7, 10**6])  # few values make many ties
def test_it_is_the_lowest_score_that_few_enough_exceed(number, hundredths, values):
    scores = torch.randint(values, (number,), generator=torch.Generator().manual_seed(number)).double()
    assert threshold_at(scores, hundredths / 100) == searched(scores, Fraction(hundredths, 100))


def test_ties_never_raise_the_share_above():
    scores = torch.tensor([1.0] * 80 + [2.0] * 20)
    assert threshold_at(scores, 0.2) == 1 and threshold_at(scores, 0.19) == 2


def test_a_new_normal_sample_is_above_with_the_stated_probability():
    """Each of N + 1 exchangeable samples is equally likely to be the new one."""
    scores = torch.rand(61, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    above = sum(
        scores[new].item() > threshold_at(torch.cat([scores[:new], scores[new + 1 :]]), 0.05) for new in range(61)
    )
    assert above == samples_above(60, 0.05) + 1 == 4


@pytest.mark.parametrize(
    ("number", "fpr", "needed"), [(50, 0.01, 100), (19, 0.05, 20), (9, 0.3 / 3, 10), (2, 1 / 3, 3)]
)
def test_a_rate_below_one_sample_is_refused(number, fpr, needed):
    with pytest.raises(ValueError, match=f"{number}.*{needed} or more"):
        threshold_at(torch.rand(number), fpr)
    assert math.isfinite(threshold_at(torch.rand(needed), fpr))


@pytest.mark.parametrize("number", [2, 3, 7, 9, 13, 300, 999])
def test_the_rate_that_a_message_advises_is_accepted(number):
    with pytest.raises(ValueError, match="a rate of") as refused:
        samples_above(number, 1e-9)
    advised = float(str(refused.value).rpartition("a rate of ")[2].removesuffix(" or more"))
    assert samples_above(number, advised) == 1 and advised < 1.1 / number + 0.01


def test_no_samples_give_no_threshold():
    with pytest.raises(ValueError, match="no normal samples"):
        samples_above(0, 0.05)


@pytest.mark.parametrize("fpr", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_a_rate_outside_0_and_1_is_refused(fpr):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        samples_above(100, fpr)
