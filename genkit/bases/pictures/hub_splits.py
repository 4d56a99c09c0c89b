"""Train and test split of a data set of the `datasets` library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from genkit.bases.pictures.group_split import split_by_group, two_group_splits
from genkit.bases.pictures.groups import Groups, groups_of_column
from genkit.bases.pictures.hf_datasets import open_table, splits_of
from genkit.bases.pictures.hf_source import HFSource
from genkit.bases.pictures.source import HELD_OUT_SHARE, TEST_NAMES, Source, split_by_name
from genkit.errors import UsageError

TRAIN_SPLIT = "train"
ROWS = "the row"  # what has a group


def split_of_hub(
    hub: str,
    split: str,
    config: str | None,
    column: str | None,
    hold_out: float | str | None = None,
    groups: str | None = None,
) -> Source:
    """Return the "train" or the "test" pictures of a data set.

    The test split is the split named `hold_out`, or else the first of `TEST_NAMES`, or else a share by name, `hold_out`
    or `HELD_OUT_SHARE`. With the column `groups`, no group is in both splits. Raises `UsageError`.
    """
    splits = splits_of(hub, config)
    test = next((name for name in TEST_NAMES if name in splits), None)
    if isinstance(hold_out, str):
        test = hold_out
    elif hold_out is not None and test is not None:
        raise UsageError(
            f"[data] hold_out: {hub} already has a held-out split, {test!r}. Remove hold_out, or set it to one of the "
            f"splits {', '.join(splits)}."
        )
    unread = tuple(name for name in splits if name not in (TRAIN_SPLIT, test))

    def table(name: str) -> HFSource:
        return replace(open_table(hub, name, config, column), unread=unread)

    share = hold_out if isinstance(hold_out, float) else None
    if test is None:
        whole = table(TRAIN_SPLIT)
        if groups is None:
            return split_by_name(whole, split, HELD_OUT_SHARE if share is None else share)
        rows, of_column = _groups_of({TRAIN_SPLIT: whole}, groups)
        return split_by_group(whole, rows[TRAIN_SPLIT], of_column, split, share, ROWS)
    if groups is None:
        return table(TRAIN_SPLIT if split == "train" else test)
    tables = {"train": table(TRAIN_SPLIT), "test": table(test)}
    rows, of_column = _groups_of(tables, groups)
    return two_group_splits({**tables}, {**rows}, of_column, split, ROWS)


def _groups_of(tables: Mapping[str, HFSource], column: str) -> tuple[dict[str, list[str]], Groups]:
    """Return a name for each row of each table, which no other has, and the groups by these names."""
    rows = {name: [f"{each.split} {each.name(index)}" for index in range(len(each))] for name, each in tables.items()}
    values = {
        row: value
        for name, each in tables.items()
        for row, value in zip(rows[name], each.column_values(column), strict=True)
    }
    return rows, groups_of_column(column, values)
