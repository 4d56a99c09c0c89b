"""Pictures through the `datasets` library: an id on a hub, or a folder that the library can open.

https://huggingface.co/docs/datasets
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genkit.errors import UsageError


def unmet_hub(hub: str) -> tuple[str, ...]:
    """Name the folder that is absent. Whether an id can be had is known only when it is loaded."""
    if not hub.startswith(("/", ".", "~")) or _folder(hub).is_dir():
        return ()
    return (f"[data] hub: the folder {_folder(hub).absolute()} is not there; give one, or an id such as OWNER/NAME.",)


def read_pictures(hub: str, split: str, mode: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pictures of a split, (N, H, W) or (N, H, W, C) uint8, and their labels, (N,), where it has them.

    `mode` is what Pillow calls the kind of picture that is expected, "L" (grey) or "RGB". The pictures are the one
    column of type `datasets.Image`, the labels the one of type `ClassLabel`, or else the column named "label".

    Raises `UsageError`, with what to do, whatever goes wrong.
    """
    try:
        table = _open(hub, split)
        pictures, labels = _columns(table, f"hub = {hub!r}, split {split!r}")
        stacked = _stack(table.select_columns([pictures])[pictures], mode, f"hub = {hub!r}, split {split!r}")
        return stacked, None if labels is None else np.asarray(table.with_format("numpy")[labels][:])
    except UsageError:
        raise
    except Exception as error:  # the network, a cache, a stranger's files: whatever the library raises
        raise UsageError(
            f"hub = {hub!r}, split {split!r} cannot be loaded: {type(error).__name__}: {error} "
            "Check the id and the network, or give a local folder that `datasets.load_dataset` or "
            "`datasets.load_from_disk` opens."
        ) from error


def _folder(hub: str) -> Path:
    return Path(hub).expanduser()


def _open(hub: str, split: str) -> Any:
    import datasets

    folder = _folder(hub)
    if not folder.is_dir():
        return datasets.load_dataset(hub, split=split)
    if not (folder / "dataset_dict.json").exists() and not (folder / "state.json").exists():
        return datasets.load_dataset(str(folder.absolute()), split=split)

    saved = datasets.load_from_disk(str(folder))
    # A set saved without its siblings may know its own split; one that does not is taken for the train split, since
    # to hold out what was trained on would be worse than to refuse.
    splits = saved if isinstance(saved, datasets.DatasetDict) else {str(saved.split or "train"): saved}
    if split not in splits:
        raise UsageError(f"hub = {hub!r} has no split {split!r}, but {', '.join(splits)}.")
    return splits[split]


def _columns(table: Any, what: str) -> tuple[str, str | None]:
    import datasets

    pictures = [name for name, feature in table.features.items() if isinstance(feature, datasets.Image)]
    if len(pictures) != 1:
        found = ", ".join(pictures) if pictures else f"none among {', '.join(table.features)}"
        raise UsageError(f"{what}: expected one column of pictures (type datasets.Image), found {found}.")
    labels = [name for name, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)]
    if len(labels) != 1:
        labels = ["label"] if "label" in table.features else []
    return pictures[0], labels[0] if labels else None


def _stack(pictures: Any, mode: str, what: str) -> np.ndarray:
    arrays = []
    for index, picture in enumerate(pictures):
        if picture.mode != mode:
            raise UsageError(f"{what}: picture {index} has the mode {picture.mode!r}, expected {mode!r}.")
        arrays.append(np.asarray(picture))
        if arrays[-1].shape != arrays[0].shape:
            raise UsageError(
                f"{what}: picture {index} has the shape {arrays[-1].shape}, and the first one {arrays[0].shape}."
            )
    if not arrays:
        raise UsageError(f"{what}: there are no pictures.")
    return np.stack(arrays)
