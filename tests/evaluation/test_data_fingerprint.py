"""Fingerprint of data: it changes whenever the samples change, and with nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from support.messages import assert_names
from torch import Tensor

from genkit.core.dataset import Samples
from genkit.errors import UsageError
from genkit.evaluation import data_fingerprint as module
from genkit.evaluation.data_fingerprint import check_data_fingerprint, data_fingerprint, same_images
from genkit.parts.datasets.eight_gaussians import EightGaussians

READ: list[int] = []


@dataclass(frozen=True)
class Pictures:
    """Pictures whose grey level is their number; `changed` is one that differs by `by` levels in its last pixel."""

    split: str = "train"
    size: int | None = 30
    changed: int = -1
    by: float = 1.0
    shape: tuple[int, ...] = (1, 2, 3)
    first_label: int | None = None  # the labels are consecutive numbers; None without labels
    absent: str = ""  # a split that is missing on this machine

    def unmet(self) -> tuple[str, ...]:
        return ("not found",) if self.absent == self.split else ()

    def held_out(self) -> Pictures:
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise: Any) -> Samples:
        READ.extend(indices.tolist())
        levels = indices.float()[:, None].repeat(1, 6) + (100 if self.split == "test" else 0)
        levels[indices == self.changed, -1] += self.by
        extra = {} if self.first_label is None else {"label": indices + self.first_label}
        return Samples((levels / 255).reshape(-1, *self.shape), extra)


def test_the_digest_covers_all_bytes_of_a_small_split_in_order() -> None:
    digests = [
        hashlib.blake2b(bytes(level for level in range(first, first + 30) for _ in range(6)), digest_size=16)
        for first in (0, 100)
    ]
    train, test = ({"samples": 30, "pixel_digest": digest.hexdigest()} for digest in digests)
    assert data_fingerprint(Pictures()) == {**train, "held_out": test}
    assert data_fingerprint(Pictures("test")) == test  # the held-out split is the split itself


@pytest.mark.parametrize("changed", [0, 17, 29])
def test_one_grey_level_of_one_pixel_changes_it_and_rounding_does_not(changed) -> None:
    assert data_fingerprint(Pictures(changed=changed)) != data_fingerprint(Pictures())
    assert data_fingerprint(Pictures(changed=changed, by=0.4)) == data_fingerprint(Pictures())


def test_of_a_large_split_pictures_from_the_first_to_the_last_are_read(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 6 * 70)
    READ.clear()
    data_fingerprint(Pictures("test", size=700))
    assert len(READ) == len(set(READ)) == 70 and sorted(READ) == READ
    assert (READ[0], READ[-1]) == (0, 699)
    gaps = {after - before for before, after in pairwise(READ)}
    assert gaps == {10, 11}


def test_of_large_pictures_at_least_64_are_read(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 6)
    READ.clear()
    data_fingerprint(Pictures("test", size=700))
    assert len(set(READ)) == 64


def test_data_that_cannot_change_have_none_and_points_have_their_number() -> None:
    assert data_fingerprint(EightGaussians()) == {}
    assert data_fingerprint(Pictures(size=None)) == {}
    assert data_fingerprint(Pictures(shape=(6,))) == {"samples": 30, "held_out": {"samples": 30}}


def test_other_labels_are_refused_unless_none_were_saved() -> None:
    saved = data_fingerprint(Pictures(first_label=0))
    check_data_fingerprint(saved, Pictures(first_label=0), "")
    for other in (1, None):
        with pytest.raises(UsageError) as refused:
            check_data_fingerprint(saved, Pictures(first_label=other), "REMEDY")
        assert_names(refused.value, "training samples", "labels", "REMEDY")
    check_data_fingerprint(data_fingerprint(Pictures()), Pictures(first_label=1), "")  # of an earlier version
    assert same_images(saved, data_fingerprint(Pictures(first_label=1)), "train") is True


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (Pictures(changed=3), ("training samples",)),
        (Pictures(size=31), ("training samples", "30 samples then", "31 now")),
        (Pictures(changed=3, absent="train"), ("held-out samples",)),
        (Pictures(size=31, absent="train"), ("held-out samples", "30 samples then", "31 now")),
    ],
)
def test_other_data_are_refused_with_the_part_that_differs(data, names) -> None:
    with pytest.raises(UsageError) as refused:
        check_data_fingerprint(data_fingerprint(Pictures()), data, "REMEDY")
    assert_names(refused.value, *names, "REMEDY")


def test_the_same_data_and_what_was_not_saved_or_is_missing_are_not_refused() -> None:
    saved = data_fingerprint(Pictures())
    for data in (Pictures(), Pictures(absent="train"), Pictures(absent="test")):
        check_data_fingerprint(saved, data, "")
    check_data_fingerprint({}, Pictures(changed=3), "")
    check_data_fingerprint({"held_out": saved["held_out"]}, Pictures(changed=3, absent="test"), "")


def test_whether_two_fingerprints_are_of_the_same_pictures_is_known_for_each_split() -> None:
    one, other = data_fingerprint(Pictures()), data_fingerprint(Pictures("train", changed=3))
    mixed = {**one, "held_out": other["held_out"]}
    assert same_images(one, one, "train") is True and same_images(one, one, "test") is True
    assert same_images(one, other, "train") is False
    assert same_images(one, mixed, "train") is True and same_images(one, mixed, "test") is False
    assert same_images(data_fingerprint(Pictures("test")), one, "test") is True
    points = data_fingerprint(Pictures(shape=(6,)))
    assert same_images(points, points, "train") is None and same_images({}, one, "train") is None
