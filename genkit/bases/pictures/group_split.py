"""Train and test split of a source of pictures by their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genkit.bases.pictures.groups import Groups, list_shown
from genkit.bases.pictures.source import HELD_OUT_SHARE, Source, Subset, count, is_far, is_held_out
from genkit.errors import UsageError


class GroupNumbers(NamedTuple):
    """How many groups and pictures both splits have."""

    groups: dict[str, int]  # by split
    pictures: dict[str, int]
    rows_without_picture: int
    asked: float | None = None  # the share of the groups that is to be held out; None where a column decides

    def remark(self) -> str:
        """Return the shares that are held out if one of them is not what was asked for; else an empty text."""
        if self.asked is None:
            return ""
        of_groups, of_pictures = (each["test"] / sum(each.values()) for each in (self.groups, self.pictures))
        if not is_far(of_groups, self.asked) and not is_far(of_pictures, self.asked):
            return ""
        got = f"{of_groups:.2g} of the groups, with {of_pictures:.2g} of the pictures, is held out"
        return f"[data] hold_out: a share of {self.asked:g} is asked for, and {got}, as the names of the groups decide"

    def describe(self) -> str:
        """Return ``9 groups with 90 pictures are trained on, 1 group with 12 pictures is held out``."""
        train, test = (
            f"{count(self.groups[split], 'group')} with {count(self.pictures[split], 'picture')} "
            f"{'is' if self.groups[split] == 1 else 'are'}"
            for split in ("train", "test")
        )
        rows = self.rows_without_picture
        rest = f"; {count(rows, 'row')} {'has' if rows == 1 else 'have'} no picture" if rows else ""
        return f"{train} trained on, {test} held out{rest}"


@dataclass(frozen=True, eq=False)
class GroupSubset(Subset):
    """The pictures of a split whose groups are in no other split."""

    split: str
    numbers: GroupNumbers
    groups: Groups
    of_picture: tuple[str, ...]  # the group of each picture of the split

    def remarks(self) -> list[str]:
        """Return a line about the numbers of groups, and one if the share held out is not what was asked for."""
        lines = [f"[data] groups {self.groups.name}: {self.numbers.describe()}", self.numbers.remark()]
        return [line for line in lines if line]


def split_by_group(
    source: Source, files: Sequence[str], groups: Groups, split: str, hold_out: float | None, what: str
) -> GroupSubset:
    """Return the "train" or the "test" pictures of a source that has no split.

    The column `split` decides, or else a digest of the name of the group, which is the same whatever other groups
    there are.

    Args:
        source: All pictures.
        files: The name of each picture in the column `file`.
        groups: The groups.
        split: The wanted split.
        hold_out: Share of the groups that is held out; None for `HELD_OUT_SHARE` or the column.
        what: The meaning of the column `file`, for messages.

    Raises:
        UsageError: If a picture has no row, a split is empty, or both the column and a share are given.
    """
    if groups.splits is not None and hold_out is not None:
        raise UsageError("[data] hold_out: the column split of groups decides what is held out. Remove one of the two.")
    share = HELD_OUT_SHARE if hold_out is None else hold_out
    of_picture = groups.of(files, what)
    splits = groups.splits or {group: "test" if is_held_out(group, share) else "train" for group in of_picture}
    in_split = [splits[group] for group in of_picture]
    names = {name: [group for group in of_picture if splits[group] == name] for name in ("train", "test")}
    for name, members in names.items():
        if not members:
            raise groups.problem(_describe_empty(name, groups, list(dict.fromkeys(of_picture)), share))
    rows = np.asarray([row for row, name in enumerate(in_split) if name == split], np.int64)
    numbers = _numbers(names, groups)._replace(asked=share if groups.splits is None else None)
    return GroupSubset(source, rows, split, numbers, groups, tuple(names[split]))


def two_group_splits(
    sources: dict[str, Source], files: dict[str, Sequence[str]], groups: Groups, split: str, what: str
) -> GroupSubset:
    """Return one of two sources that are the splits, after a check that no group is in both.

    Args:
        sources: The pictures by split.
        files: The names of the pictures in the column `file`, by split.
        groups: The groups.
        split: The wanted split.
        what: The meaning of the column `file`, for messages.

    Raises:
        UsageError: If a picture has no row, a group is in both, or the groups have a column `split`.
    """
    if groups.splits is not None:
        raise groups.problem("the column split and the sub-folders both decide the split. Remove the column")
    names = {name: groups.of(files[name], what) for name in sources}
    if both := [group for group in dict.fromkeys(names["train"]) if group in set(names["test"])]:
        raise groups.problem(
            f"{count(len(both), 'group')} in both splits, {sources['train'].where} and {sources['test'].where}: "
            f"{list_shown(both)}. {_remedy_of_both(groups)}"
        )
    rows = np.arange(len(sources[split]), dtype=np.int64)
    return GroupSubset(sources[split], rows, split, _numbers(names, groups), groups, tuple(names[split]))


def _remedy_of_both(groups: Groups) -> str:
    if groups.path is None:
        return "Keep all pictures of a group in one split of the data set"
    return "Move all pictures of a group to one of them"


def _numbers(names: dict[str, list[str]], groups: Groups) -> GroupNumbers:
    """Return the numbers, from the group of each picture by split."""
    pictures = {split: len(members) for split, members in names.items()}
    of_groups = {split: len(set(members)) for split, members in names.items()}
    return GroupNumbers(of_groups, pictures, len(groups.of_file) - sum(pictures.values()))


def _describe_empty(split: str, groups: Groups, present: list[str], share: float) -> str:
    if groups.splits is not None:
        return f"the {split} split is empty: no picture has a row with the split {split}"
    tenths = [tenth / 10 for tenth in range(1, 10)]
    fitting = [each for each in tenths if 0 < sum(is_held_out(group, each) for group in present) < len(present)]
    advice = f"Set hold_out = {fitting[0]:g}, or add" if fitting else "Add"
    return (
        f"the {split} split is empty when a share of {share:g} of {count(len(present), 'group')} is held out by name. "
        f"{advice} groups, or a column split"
    )
