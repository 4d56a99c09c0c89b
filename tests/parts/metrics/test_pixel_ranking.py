"""Statistics of pixels: brute force over all pairs and all thresholds, ties, quantiles, and the interval."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch

from genkit.bases.metrics import pixel_ranking
from genkit.bases.metrics.picture_bootstrap import counts_between, pixel_replicates, with_picture_interval
from genkit.bases.metrics.pixel_ranking import (
    best_dice,
    dice,
    dice_above,
    edges_above,
    pixel_threshold,
    pixel_values,
)
from genkit.bases.metrics.ranking import auroc, average_precision
from genkit.core.estimate import Estimate


def pictures(number: int = 6, side: int = 9, levels: int = 0, seed: int = 0, shift: float = 0.8):
    """Return maps and masks; abnormal pixels are higher by `shift`, and values are rounded to `levels` if given."""
    random = np.random.default_rng(seed)
    masks = random.random((number, side, side)) < 0.15
    masks[0] = False
    maps = random.normal(size=masks.shape) + shift * masks
    return (np.round(maps * levels) / levels if levels else maps).astype(np.float32), masks


def chunked(maps, masks, size=4):
    return [(maps[start : start + size], masks[start : start + size]) for start in range(0, len(maps), size)]


def values_of(maps, masks):
    return pixel_values(chunked(maps, masks), maps.size)


def replicates_of(maps, masks, edges, size=4):
    return pixel_replicates(chunked(maps, masks, size), masks.any(axis=(1, 2)), edges)


def dices(maps, masks):
    """Return the Dice coefficient at each threshold, by counting."""
    return {
        threshold: 2 * (masks & (maps >= threshold)).sum() / (masks.sum() + (maps >= threshold).sum())
        for threshold in np.unique(maps)
    }


@pytest.mark.parametrize("levels", [0, 2, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ranks_are_those_of_all_pairs_and_all_thresholds(levels, seed):
    maps, masks = pictures(levels=levels, seed=seed)
    counts = values_of(maps, masks).counts()
    normal, abnormal = maps[~masks].astype(float), maps[masks].astype(float)
    wins = (abnormal[:, None] > normal).mean() + 0.5 * (abnormal[:, None] == normal).mean()
    assert auroc(*counts).item() == pytest.approx(wins, abs=1e-12)
    assert best_dice(*counts).item() == pytest.approx(max(dices(maps, masks).values()), abs=1e-12)
    precision = 0.0
    recalls = [(masks & (maps >= t)).sum() / masks.sum() for t in np.unique(maps)[::-1]]
    for threshold, (before, after) in zip(np.unique(maps)[::-1], pairwise([0.0, *recalls]), strict=True):
        precision += (after - before) * masks[maps >= threshold].mean()
    assert average_precision(*counts).item() == pytest.approx(precision, abs=1e-12)


def test_counts_keep_every_pixel():
    maps, masks = pictures(levels=3)
    normal, abnormal = values_of(maps, masks).counts()
    assert (normal.sum(), abnormal.sum()) == ((~masks).sum(), masks.sum())
    assert values_of(maps, masks).share == pytest.approx(masks.mean())


def test_a_perfect_map_and_the_opposite_one():
    _, masks = pictures()
    perfect, opposite = (values_of(maps.astype(np.float32), masks).counts() for maps in (masks, ~masks))
    assert (auroc(*perfect), best_dice(*perfect), average_precision(*perfect)) == (1, 1, 1)
    assert auroc(*opposite) == 0
    share = masks.mean()
    assert best_dice(*opposite).item() == pytest.approx(2 * share / (1 + share))  # to call all pixels abnormal


@pytest.mark.parametrize("levels", [0, 2])
def test_dice_above_a_threshold_is_counted(levels):
    maps, masks = pictures(levels=levels)
    for threshold in np.unique(maps)[::7]:
        above = maps > threshold
        expected = 2 * (masks & above).sum() / (masks.sum() + above.sum())
        assert dice_above(values_of(maps, masks), float(threshold)) == pytest.approx(expected, abs=1e-12)
        counts = [found.double().sum(dim=0) for found in counts_between(maps, masks, edges_above(float(threshold)))]
        assert dice(*counts).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("fpr", [0.01, 0.05, 0.29, 0.999])
@pytest.mark.parametrize("levels", [0, 2])
def test_the_threshold_is_the_lowest_value_with_few_normal_pixels_above(fpr, levels):
    maps, _ = pictures(levels=levels)
    found = pixel_threshold([maps[:4], maps[4:]], maps.size, fpr)
    allowed = [value for value in np.unique(maps) if (maps > value).mean() <= fpr + 1e-12]
    assert found == min(allowed)


def test_a_rate_of_less_than_a_pixel_is_refused():
    with pytest.raises(ValueError, match="1,000"):
        pixel_threshold([np.zeros((1, 9, 9), np.float32)], 81, 0.001)


@pytest.mark.parametrize("levels", [0, 4])  # with 4 levels a pixel is at an edge
def test_histograms_are_numpys(levels):
    maps, masks = pictures(levels=levels)
    edges = np.array([-0.5, 0.25, 1.0], np.float32)
    normal, abnormal = counts_between(maps, masks, edges)
    bins = [-np.inf, *edges, np.inf]
    for row in range(len(maps)):
        assert normal[row].tolist() == np.histogram(maps[row][~masks[row]], bins)[0].tolist()
        assert abnormal[row].tolist() == np.histogram(maps[row][masks[row]], bins)[0].tolist()


@pytest.mark.parametrize("statistic", [auroc, average_precision, best_dice], ids=lambda each: each.__name__)
def test_the_interval_is_that_of_pictures_drawn_with_replacement(statistic):
    maps, masks = pictures(number=12, side=12)
    maps += np.random.default_rng(3).normal(size=(12, 1, 1)).astype(np.float32)  # pixels of a picture are alike
    values = values_of(maps, masks)
    value = statistic(*values.counts()).item()
    found = with_picture_interval(value, statistic, replicates_of(maps, masks, values.levels()))
    assert isinstance(found, Estimate) and float(found) == value
    random, drawn = np.random.default_rng(1), []
    for _ in range(400):
        rows = np.concatenate([[0], random.integers(1, 12, 11)])  # only the first has no abnormal pixel
        drawn.append(statistic(*values_of(maps[rows], masks[rows]).counts()).item())
    low, high = np.quantile(drawn, [0.025, 0.975])
    width = high - low
    assert found.interval == pytest.approx((low, high), abs=0.15 * width)


def test_one_picture_has_no_interval():
    maps, masks = pictures()
    found = with_picture_interval(0.5, auroc, replicates_of(maps[1:2], masks[1:2], np.zeros(1, np.float32)))
    assert found == 0.5 and not isinstance(found, Estimate)


@pytest.mark.parametrize("statistic", [auroc, average_precision, best_dice, dice], ids=lambda each: each.__name__)
def test_replicates_without_a_normal_pixel_are_left_out(statistic):
    """One of two pictures is abnormal all over: a quarter of the replicates draw it twice, and have no ROC curve."""
    maps, masks = pictures(number=2)
    masks[0], masks[1, :4] = True, True
    edges = np.array([0.5], np.float32)
    of_pictures = counts_between(maps, masks, edges)
    found = with_picture_interval(0.5, statistic, replicates_of(maps, masks, edges))
    # Three draws are left: the second picture twice (a third of them), and both.
    both = statistic(*(each.double().sum(dim=0) for each in of_pictures)).item()
    second = statistic(*(each[1].double() for each in of_pictures)).item()
    assert both != second and found.interval == pytest.approx((min(both, second), max(both, second)))


def test_too_few_replicates_with_both_classes_give_no_interval():
    maps, masks = pictures()
    found = with_picture_interval(0.5, auroc, replicates_of(maps, masks | True, np.zeros(1, np.float32)))
    assert found == 0.5 and not isinstance(found, Estimate)


def test_replicates_draw_each_group_whole_and_do_not_depend_on_chunks():
    maps, masks = pictures(number=40)
    masks[20:] = False
    edges = values_of(maps, masks).levels()
    whole = replicates_of(maps, masks, edges, 40)
    for chunks in (1, 7):
        assert all(map(torch.equal, whole, replicates_of(maps, masks, edges, chunks)))
    assert (whole.normal.sum(dim=1) + whole.abnormal.sum(dim=1) == masks.size).all()
    # A replicate draws as many pictures with an abnormal pixel as there are: with one such pixel each, as many pixels.
    one = np.zeros_like(masks)
    one[::3, 0, 0] = True
    assert (replicates_of(maps, one, edges).abnormal.sum(dim=1) == 14).all()


def test_memory_does_not_hold_the_counts_of_all_pictures():
    """4,000 pictures of 2,049 counts for each class would take 131 MB as int64."""
    maps, masks = pictures(number=4000, side=4)
    edges = values_of(maps, masks).levels()
    tracemalloc.start()
    pixel_replicates(chunked(maps, masks, 50), masks.any(axis=(1, 2)), edges)
    peak = tracemalloc.get_traced_memory()[1]  # of NumPy, which counts
    tracemalloc.stop()
    assert peak < 2**24


def test_the_levels_reach_from_the_lowest_to_the_highest_of_both_classes():
    maps, masks = pictures(number=40, side=20)
    levels = values_of(maps, masks).levels()
    assert len(levels) <= pixel_ranking.LEVELS and (np.diff(levels) > 0).all()
    for pixels in (maps[masks], maps[~masks]):
        assert {pixels.min(), pixels.max()} <= set(levels)
    counts = [found.double().sum(dim=0) for found in counts_between(maps, masks, levels)]
    exact = values_of(maps, masks).counts()
    for statistic in (auroc, average_precision, best_dice):
        assert statistic(*counts).item() == pytest.approx(statistic(*exact).item(), abs=2e-3)


def test_what_cannot_be_ranked_is_refused(monkeypatch):
    maps, masks = pictures()
    for wrong in (masks & False, masks | True):
        with pytest.raises(ValueError, match="both classes"):
            values_of(maps, wrong)
    broken = maps.copy()
    broken[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match="finite"):
        values_of(broken, masks)
    with pytest.raises(ValueError, match="finite"):
        pixel_threshold([broken], broken.size, 0.05)
    monkeypatch.setattr(pixel_ranking, "MOST", maps.size - 1)
    with pytest.raises(ValueError, match=f"{maps.size}"):
        values_of(maps, masks)
    with pytest.raises(ValueError, match=f"{maps.size}"):
        pixel_threshold([maps], maps.size, 0.05)
