"""Access to the `datasets` library: a data set by its hub id, or from a folder that the library can open.

https://huggingface.co/docs/datasets
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from genkit.bases.pictures.hf_source import HFSource
from genkit.bases.pictures.hub_folder import folder_of, is_saved, unmet_hub
from genkit.errors import UsageError

Result = TypeVar("Result")


def open_table(hub: str, split: str, config: str | None = None, column: str | None = None) -> HFSource:
    """Open one split. `column` names the pictures if several columns have some.

    Raises `UsageError`, with a remedy, for every failure.
    """
    import datasets

    def load() -> HFSource:
        table = _load_split(hub, split, config)
        pictures, labels = find_columns(table.features, f"hub = {hub!r}, split {split!r}", column)
        # Left encoded: a picture that cannot be decoded is then reported by its row, and the others can be read.
        return HFSource(hub, split, table.cast_column(pictures, datasets.Image(decode=False)), pictures, labels)

    return _with_usage_errors(load, hub, split)


def splits_of(hub: str, config: str | None) -> list[str]:
    """Return the names of the splits of a data set. Raises `UsageError`."""
    import datasets

    def load() -> list[str]:
        if (saved := _saved_splits(hub)) is not None:
            return list(saved)
        return list(datasets.get_dataset_split_names(_name(hub), config))

    return _with_usage_errors(load, hub, "")


def data_files(hub: str, config: str | None, split: str) -> list[str]:
    """Return the files of a split, as paths or as addresses that fsspec opens. Raises `UsageError`."""
    import datasets

    def load() -> list[str]:
        files = datasets.load_dataset_builder(_name(hub), config).config.data_files or {}
        if split not in files:
            raise _no_such_split(hub, split, [str(name) for name in files])
        return [str(file) for file in files[split]]

    return _with_usage_errors(load, hub, split)


def read_pictures(hub: str, split: str, mode: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pictures of a split, (N, H, W) or (N, H, W, C) uint8, and their labels, (N,), or None.

    `mode` is the Pillow mode that every picture must have, "L" (grey) or "RGB". The pictures are the only column of
    type `datasets.Image`. The labels are the only column of type `ClassLabel`, or else the integer column "label".

    Raises `UsageError`, with a remedy, for every failure.
    """
    table = open_table(hub, split)
    return _with_usage_errors(lambda: (_stack(table, mode), table.labels), hub, split)


def find_columns(features: Any, where: str, column: str | None = None) -> tuple[str, str | None]:
    """Return the names of the column of pictures and of the column of labels, or None for the latter.

    Raises `UsageError` unless there is exactly one column of pictures, or `column` is one.
    """
    import datasets

    pictures = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if column is not None:
        pictures = [name for name in pictures if name == column]
    if len(pictures) != 1:
        found = ", ".join(pictures) if pictures else f"none among {', '.join(features)}"
        wanted = "one column of pictures (type datasets.Image)" if column is None else f"pictures in column {column!r}"
        remedy = " Set column to one of them." if pictures else ""
        raise UsageError(f"[data] {where}: expected {wanted}, found {found}.{remedy}")
    labels = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    if len(labels) != 1:
        labels = ["label"] if "int" in str(getattr(features.get("label"), "dtype", "")) else []
    return pictures[0], labels[0] if labels else None


def _with_usage_errors(load: Callable[[], Result], hub: str, split: str) -> Result:
    """Return what `load` returns; turn every exception into a `UsageError`, also for a folder that cannot be opened."""
    if unmet := unmet_hub(hub):
        raise UsageError(unmet[0])
    try:
        return load()
    except UsageError:
        raise
    except Exception as error:  # the library raises many kinds: network, cache, unknown file formats
        which = f", split {split!r}" if split else ""
        raise UsageError(
            f"[data] hub = {hub!r}{which}: cannot be loaded: {type(error).__name__}: {error} "
            "Check the id and the network, or give a local folder that `datasets.load_dataset` or "
            "`datasets.load_from_disk` opens."
        ) from error


def _name(hub: str) -> str:
    return str(folder_of(hub).absolute()) if folder_of(hub).is_dir() else hub


def _saved_splits(hub: str) -> dict[str, Any] | None:
    """Return the splits that `save_to_disk` of the library has written to a folder; None for any other `hub`."""
    import datasets

    folder = folder_of(hub)
    if not is_saved(folder):
        return None
    saved = datasets.load_from_disk(str(folder))
    # A split that was saved alone may know its name. If not, it is the train split: to refuse to evaluate is better
    # than to hold out what a model was trained on.
    return saved if isinstance(saved, datasets.DatasetDict) else {str(saved.split or "train"): saved}


def _load_split(hub: str, split: str, config: str | None) -> Any:
    import datasets

    splits = _saved_splits(hub)
    if splits is None:
        return datasets.load_dataset(_name(hub), config, split=split)
    if split not in splits:
        raise _no_such_split(hub, split, list(splits))
    return splits[split]


def _no_such_split(hub: str, split: str, splits: list[str]) -> UsageError:
    return UsageError(f"[data] hub = {hub!r}: no split {split!r}; its splits are {', '.join(splits) or 'none'}.")


def _stack(table: HFSource, mode: str) -> np.ndarray:
    """Return all pictures of a table as one array. Raises `UsageError` unless all have `mode` and one shape."""
    arrays: list[np.ndarray] = []
    for index in range(len(table)):
        picture = table.picture(index)
        if picture.mode != mode:
            raise UsageError(f"[data] {table.where}: picture {index} has mode {picture.mode!r}, expected {mode!r}.")
        arrays.append(np.asarray(picture))
        if arrays[-1].shape != arrays[0].shape:
            raise UsageError(
                f"[data] {table.where}: picture {index} has shape {arrays[-1].shape}, and the first has shape "
                f"{arrays[0].shape}."
            )
    if not arrays:
        raise UsageError(f"[data] {table.where}: no pictures.")
    return np.stack(arrays)
