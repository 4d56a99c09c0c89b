"""AUROC, average precision and false positive rates: brute force over pairs and thresholds, closed forms, intervals."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from genkit.bases.metrics.ranking import auroc, average_precision, counts_of, fpr_at_tpr, with_interval
from genkit.core.noise import seed_of


def scores(seed: int, normal: int = 40, abnormal: int = 25, *, ties: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(normal + abnormal, generator=generator, dtype=torch.float64)
    x[normal:] += 0.8
    x = (2 * x).round() if ties else x
    return x[:normal], x[normal:]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_of_brute_force(seed: int, ties: bool) -> None:
    normal, abnormal = scores(seed, ties=ties)
    counts = counts_of(normal, abnormal)[:2]

    wins = [(a > n) + 0.5 * (a == n) for a in abnormal.tolist() for n in normal.tolist()]
    assert auroc(*counts).item() == pytest.approx(sum(wins) / len(wins), rel=1e-12)

    thresholds = sorted({*normal.tolist(), *abnormal.tolist()}, reverse=True)
    true = [sum(a >= t for a in abnormal.tolist()) for t in thresholds]
    false = [sum(n >= t for n in normal.tolist()) for t in thresholds]
    area, before = 0.0, 0
    for found, wrong in zip(true, false, strict=True):
        area += (found - before) / len(abnormal) * found / (found + wrong)
        before = found
    assert average_precision(*counts).item() == pytest.approx(area, rel=1e-12)

    for tpr in (0.2, 0.8, 0.95, 1.0):
        first = next(k for k, found in enumerate(true) if found >= tpr * len(abnormal) - 1e-9)
        assert fpr_at_tpr(*counts, tpr).item() == pytest.approx(false[first] / len(normal), rel=1e-12)


def test_perfect_reversed_and_silent_scores() -> None:
    low, high = torch.arange(5.0), torch.arange(5.0, 12.0)
    perfect, reverse = counts_of(low, high)[:2], counts_of(high, low)[:2]
    assert (auroc(*perfect), average_precision(*perfect), fpr_at_tpr(*perfect, 1.0)) == (1, 1, 0)
    assert (auroc(*reverse), fpr_at_tpr(*reverse, 0.95)) == (0, 1)
    silent = counts_of(torch.zeros(30), torch.zeros(10))[:2]
    assert (auroc(*silent), average_precision(*silent), fpr_at_tpr(*silent, 0.95)) == (0.5, 0.25, 1)


def test_the_area_of_shifted_gaussians_is_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    normal, abnormal = torch.randn(2, 20_000, generator=generator, dtype=torch.float64)
    shift = 1.2
    expected = 0.5 * (1 + math.erf(shift / 2))  # Φ(shift / √2)
    assert auroc(*counts_of(normal, abnormal + shift)[:2]).item() == pytest.approx(expected, abs=0.006)


def test_a_threshold_at_95_of_100_finds_95() -> None:
    normal, abnormal = torch.arange(100.0) - 0.5, torch.arange(100.0)
    # The highest threshold that finds 95 is 5, and 94 normal scores are above it.
    assert fpr_at_tpr(*counts_of(normal, abnormal)[:2], 0.95).item() == 0.94
    # 0.55 * 100 is a little above 55 in floating point.
    assert fpr_at_tpr(*counts_of(normal, abnormal)[:2], 0.55).item() == 0.54


def test_the_interval_is_deterministic_and_that_of_replicates_made_one_by_one() -> None:
    normal, abnormal = scores(0, normal=60, abnormal=50)
    found, again = (with_interval(auroc, normal, abnormal) for _ in range(2))
    low, high = found.interval
    assert again == found and again.interval == found.interval
    assert low < found < high
    generator = torch.Generator().manual_seed(1)
    replicates = []
    for _ in range(400):
        n, a = (x[torch.randint(len(x), (len(x),), generator=generator)] for x in (normal, abnormal))
        replicates.append(((a[:, None] > n).double() + 0.5 * (a[:, None] == n).double()).mean())
    expected = torch.stack(replicates).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert (low, high) == pytest.approx(expected.tolist(), abs=0.02)


def test_separated_scores_give_no_interval_since_equal_ends_would_claim_certainty() -> None:
    normal, abnormal = torch.arange(40).double(), 100 + torch.arange(6).double()
    for statistic in (auroc, average_precision, partial(fpr_at_tpr, tpr=0.95)):
        assert with_interval(statistic, normal, abnormal).interval is None
    low, high = with_interval(auroc, normal, torch.cat([abnormal, torch.tensor([20.0]).double()])).interval
    assert low < high


def test_the_interval_narrows_with_the_number_of_samples_and_covers_the_truth() -> None:
    truth, covered, widths = 0.5 * (1 + math.erf(0.5)), 0, []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        normal, abnormal = torch.randn(2, 50, generator=generator, dtype=torch.float64)
        low, high = with_interval(auroc, normal, abnormal + 1.0).interval
        covered += low <= truth <= high
        widths.append(high - low)
    assert covered >= 34  # 38 of 40 are expected; 33 or fewer have a probability below 1 %
    generator = torch.Generator().manual_seed(0)
    normal, abnormal = torch.randn(2, 800, generator=generator, dtype=torch.float64)
    low, high = with_interval(auroc, normal, abnormal + 1.0).interval
    assert high - low == pytest.approx(sum(widths) / len(widths) / 4, rel=0.25)


def test_other_statistics_have_intervals() -> None:
    normal, abnormal = scores(2)
    for statistic in (average_precision, partial(fpr_at_tpr, tpr=0.9)):
        found = with_interval(statistic, normal, abnormal)
        assert 0 <= found.interval[0] <= found <= found.interval[1] <= 1


@pytest.mark.parametrize(("normal", "abnormal"), [(20, 1), (1, 20), (1, 1)])
def test_a_single_sample_does_not_vary_so_it_gives_no_interval(normal, abnormal):
    found = with_interval(auroc, torch.arange(normal).double(), 0.5 + torch.arange(abnormal).double())
    assert found.interval is None and 0 <= found <= 1


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("normal", "abnormal"), [(60, 50), (3_000, 2_000)])
def test_replicates_are_those_of_blocks_of_draws(normal: int, abnormal: int, ties: bool) -> None:
    """The interval of earlier versions, to the bit: draws in blocks, and counts of a block by scattering ones."""
    both = scores(3, normal, abnormal, ties=ties)
    of_normal, _, places = counts_of(*both)
    generator = torch.Generator().manual_seed(seed_of("bootstrap", normal, abnormal))
    block = min(50, 2**22 // len(places))
    found = []
    for start in range(0, 1_000, block):
        counts = []
        for at in (places[:normal], places[normal:]):
            drawn = at[torch.randint(len(at), (min(block, 1_000 - start), len(at)), generator=generator)]
            empty = torch.zeros(len(drawn), len(of_normal), dtype=torch.float64)
            counts.append(empty.scatter_add_(1, drawn, torch.ones_like(drawn).double()))
        found.append(auroc(*counts))
    expected = torch.cat(found).quantile(torch.tensor([(1 - 0.95) / 2, (1 + 0.95) / 2], dtype=torch.float64)).tolist()
    assert list(with_interval(auroc, *both).interval) == expected
