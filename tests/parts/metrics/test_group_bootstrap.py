"""Intervals over groups, compared with replicates made one by one, and with samples that are copies of each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from genkit.bases.metrics.picture_bootstrap import pixel_replicates, with_picture_interval
from genkit.bases.metrics.ranking import auroc, average_precision, with_interval


def clustered(seed: int, groups: int, each: int, shift: float) -> tuple[Tensor, list[str]]:
    """Return scores that vary between groups more than within them."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 2 * each, groups)
    scores = [shift + 1.5 * generator.normal() + 0.3 * generator.normal(size=size) for size in sizes]
    names = [f"{shift}-{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return torch.from_numpy(np.concatenate(scores)), names


def area(normal: np.ndarray, abnormal: np.ndarray) -> float:
    return float((abnormal[:, None] > normal).mean() + 0.5 * (abnormal[:, None] == normal).mean())


def by_hand(normal: Tensor, of_normal: list[str], abnormal: Tensor, of_abnormal: list[str], number: int = 1500):
    """Return the ends of the interval by drawing the groups of each kind with replacement, one replicate at a time."""
    members = {}
    for side, (scores, names) in enumerate(((normal, of_normal), (abnormal, of_abnormal))):
        for score, name in zip(scores.tolist(), names, strict=True):
            members.setdefault(name, ([], []))[side].append(score)
    kinds = {}
    for name, (of_n, of_a) in members.items():
        kinds.setdefault((bool(of_n), bool(of_a)), []).append(name)
    generator, found = np.random.default_rng(5), []
    for _ in range(number):
        drawn = [name for names in kinds.values() for name in generator.choice(names, len(names))]
        found.append(area(*(np.concatenate([members[name][side] for name in drawn]) for side in (0, 1))))
    return np.quantile(found, [0.025, 0.975])


@pytest.mark.parametrize("shared", [False, True])
def test_the_interval_is_that_of_groups_drawn_one_by_one(shared):
    normal, of_normal = clustered(0, 12, 5, 0.0)
    abnormal, of_abnormal = clustered(1, 9, 6, 1.0)
    if shared:  # some groups have samples of both kinds
        of_abnormal = [name.replace("1.0-", "0.0-") if name < "1.0-5" else name for name in of_abnormal]
    found = with_interval(auroc, normal, abnormal, (of_normal, of_abnormal))
    assert found == with_interval(auroc, normal, abnormal) == pytest.approx(area(normal.numpy(), abnormal.numpy()))
    assert found.interval == pytest.approx(by_hand(normal, of_normal, abnormal, of_abnormal), abs=0.05)
    low, high = with_interval(auroc, normal, abnormal).interval
    assert found.interval[1] - found.interval[0] > 1.5 * (high - low)  # samples of a group are no independent evidence


def test_groups_of_one_sample_are_samples():
    normal, _ = clustered(0, 30, 3, 0.0)
    abnormal, _ = clustered(1, 30, 3, 1.0)
    alone = [f"n{k}" for k in range(len(normal))], [f"a{k}" for k in range(len(abnormal))]
    found = with_interval(auroc, normal, abnormal, alone)
    assert found.interval == pytest.approx(with_interval(auroc, normal, abnormal).interval, abs=0.02)
    assert with_interval(auroc, normal, abnormal, (None, alone[1])).interval == found.interval


@pytest.mark.parametrize("statistic", [auroc, average_precision])
def test_copies_in_one_group_are_no_new_evidence(statistic):
    normal, abnormal = (torch.randn(40, generator=torch.Generator().manual_seed(k)).double() + k for k in (0, 1))
    names = [f"n{k}" for k in range(40)], [f"a{k}" for k in range(40)]
    once = with_interval(statistic, normal, abnormal, names)
    copied = [scores.repeat_interleave(9) for scores in (normal, abnormal)]
    of_copies = tuple([name for name in each for _ in range(9)] for each in names)
    many = with_interval(statistic, *copied, of_copies)
    assert many == pytest.approx(once) and many.interval == pytest.approx(once.interval, abs=0.02)
    apart = with_interval(statistic, *copied).interval
    assert apart[1] - apart[0] < 0.5 * (many.interval[1] - many.interval[0])


def test_kinds_of_one_group_vary_too():
    """With one group of each kind, all draws of three groups that have both sides can be enumerated."""
    generator = torch.Generator().manual_seed(3)
    normal, abnormal = (torch.randn(20, generator=generator, dtype=torch.float64) for _ in range(2))
    of_normal, of_abnormal = ["a"] * 10 + ["b"] * 10, ["b"] * 10 + ["c"] * 10
    drawn = []
    for names in product("abc", repeat=3):
        sides = [
            np.concatenate([scores[[name == of for of in groups]].numpy() for name in names])
            for scores, groups in ((normal, of_normal), (abnormal, of_abnormal))
        ]
        if all(map(len, sides)):
            drawn.append(area(*sides))
    found = with_interval(auroc, normal, abnormal, (of_normal, of_abnormal))
    assert found.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)
    assert found.interval[1] - found.interval[0] > 0.1


def test_pixels_of_two_patients_vary():
    maps = np.random.default_rng(0).random((4, 3, 3))
    masks = np.zeros((4, 3, 3), dtype=bool)
    masks[2:, 0] = True
    edges = np.linspace(0, 1, 50)
    replicates = pixel_replicates([(maps, masks)], masks.any(axis=(1, 2)), edges, ["u", "u", "m", "m"])
    assert len(replicates.normal.unique(dim=0)) > 1


def test_a_single_group_has_no_interval():
    normal, abnormal = torch.arange(6.0).double(), 2.5 + torch.arange(5.0).double()
    for groups in ((["a"] * 6, None), (None, ["b"] * 5), (["a"] * 6, ["a"] * 5)):
        found = with_interval(auroc, normal, abnormal, groups)
        assert found.interval is None and found == with_interval(auroc, normal, abnormal)
    assert with_interval(auroc, normal, abnormal, (["a"] * 5 + ["b"], None)).interval is not None


def pixels(number: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    masks = np.zeros((number, 6, 6), bool)
    masks[: 2 * number // 3, 1:4, 1:4] = True
    maps = generator.normal(size=(number, 1, 1)) + 0.4 * generator.normal(size=(number, 6, 6)) + masks
    return maps.astype(np.float32), masks


def pixel_interval(maps: np.ndarray, masks: np.ndarray, groups: list[str] | None, size: int = 7):
    edges = np.quantile(maps, np.linspace(0, 1, 400)).astype(np.float32)
    chunks = [(maps[k : k + size], masks[k : k + size]) for k in range(0, len(maps), size)]
    return with_picture_interval(0.5, auroc, pixel_replicates(chunks, masks.any(axis=(1, 2)), edges, groups))


def test_pixels_of_copied_pictures_are_no_new_evidence():
    maps, masks = pixels(18)
    once = pixel_interval(maps, masks, None).interval
    copied = [np.repeat(each, 8, axis=0) for each in (maps, masks)]
    groups = [str(k) for k in range(18) for _ in range(8)]
    many, apart = (pixel_interval(*copied, of).interval for of in (groups, None))
    assert many == pytest.approx(once, abs=0.03)
    assert apart[1] - apart[0] < 0.6 * (many[1] - many[0])
    assert pixel_interval(maps, masks, [str(k) for k in range(18)]).interval == pytest.approx(once, abs=0.03)
    assert not hasattr(pixel_interval(maps, masks, ["a"] * 18), "interval")
