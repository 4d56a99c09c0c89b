"""Histograms of scores: each set is drawn whole, whatever its extremes."""

from unittest.mock import patch

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from genkit.draw.score_histogram import FEWEST_BINS, LOGARITHMIC, MOST_BINS, SetOfScores, save_score_histogram

NORMAL = np.linspace(1, 2, 100)


def drawn(path, normal, *others, threshold=1.5):
    """Return the heights and the edges of every histogram of the picture, and the scales of its axes."""
    found, scales, hist, set_xscale = [], [], Axes.hist, Axes.set_xscale

    def counting(axes, *arguments, **options):
        heights, edges, patches = hist(axes, *arguments, **options)
        found.append((heights, edges))
        return heights, edges, patches

    def noting(axes, scale, **options):
        scales.append(scale)
        return set_xscale(axes, scale, **options)

    sets = [SetOfScores(f"set {number}", scores) for number, scores in enumerate(others)]
    with patch.object(Axes, "hist", counting), patch.object(Axes, "set_xscale", noting):
        save_score_histogram(path, SetOfScores("normal", normal), sets, threshold, "a $title", "elbo", "a note " * 40)
    with Image.open(path) as picture:
        assert picture.width == 960
    return found, scales


@pytest.mark.parametrize(
    "other",
    [
        np.array([1.5]),
        np.array([-3.0, 7.0]),
        np.array([1e-7, 1e9]),
        np.linspace(1, LOGARITHMIC * 1.1, 50),
        np.full(9, 1e30),
    ],
)
def test_every_score_is_in_a_bin(tmp_path, other):
    found, scales = drawn(tmp_path / "x.png", NORMAL, other)
    for heights, edges in found:
        assert heights.sum() == pytest.approx(1) and len(edges) == FEWEST_BINS + 1
    everything = np.concatenate([NORMAL, other])
    wide = everything.min() > 0 and everything.max() > LOGARITHMIC * everything.min()
    assert ("log" in scales) == bool(wide)


def test_equal_scores_have_a_picture(tmp_path):
    found, _ = drawn(tmp_path / "x.png", np.full(5, 3.0), np.full(7, 3.0), threshold=3.0)
    assert [heights.max() for heights, _ in found] == pytest.approx([1, 1])


def test_all_panels_have_the_same_bins(tmp_path):
    found, _ = drawn(tmp_path / "x.png", NORMAL, NORMAL + 5, NORMAL - 9, NORMAL)
    assert len(found) == 6 and all(np.array_equal(edges, found[0][1]) for _, edges in found)
    assert np.array_equal(found[0][0], found[2][0])


def test_large_sets_have_more_bins(tmp_path):
    large = np.linspace(0, 1, 5000)
    for other, bins in ((large, MOST_BINS), (large[:400], 40), (large[:4], FEWEST_BINS)):
        assert len(drawn(tmp_path / "x.png", large, other)[0][0][1]) == bins + 1
