"""Train and test split of a data set of the `datasets` library."""

from __future__ import annotations

from dataclasses import replace

from genkit.bases.pictures.hf_datasets import open_table, splits_of
from genkit.bases.pictures.source import HELD_OUT_SHARE, TEST_NAMES, Source, split_by_name
from genkit.errors import UsageError

TRAIN_SPLIT = "train"


def split_of_hub(
    hub: str, split: str, config: str | None, column: str | None, hold_out: float | str | None = None
) -> Source:
    """Return the "train" or the "test" pictures of a data set.

    The test split is the split named `hold_out`, or else the first of `TEST_NAMES`, or else a share by name, `hold_out`
    or `HELD_OUT_SHARE`. Raises `UsageError`.
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
    table = open_table(hub, TRAIN_SPLIT if split == "train" or test is None else test, config, column)
    table = replace(table, unread=tuple(name for name in splits if name not in (TRAIN_SPLIT, test)))
    if test is not None:
        return table
    return split_by_name(table, split, hold_out if isinstance(hold_out, float) else HELD_OUT_SHARE)
