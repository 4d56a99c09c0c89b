"""Pictures through the `datasets` library: an id on a hub, or a folder that the library can open.

https://huggingface.co/docs/datasets
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.hf_source import HFSource

Made = TypeVar("Made")


def is_folder(hub: str) -> bool:
    """Tell whether `hub` is written as a folder, so that one which is not there is no id."""
    return hub.startswith(("/", ".", "~")) or _folder(hub).is_dir()


def unmet_hub(hub: str) -> tuple[str, ...]:
    """Name the folder that is absent. Whether an id can be had is known only when it is loaded."""
    if not is_folder(hub) or _folder(hub).is_dir():
        return ()
    return (f"[data] hub: the folder {_folder(hub).absolute()} is not there; give one, or an id such as OWNER/NAME.",)


def open_table(hub: str, split: str, config: str | None = None, column: str | None = None) -> HFSource:
    """Open one split. `column` names the pictures where several columns have some.

    Raises `UsageError`, with what to do, whatever goes wrong.
    """
    import datasets

    def opened() -> HFSource:
        table = _open(hub, split, config)
        pictures, labels = columns(table.features, f"hub = {hub!r}, split {split!r}", column)
        # Left encoded: a picture that cannot be decoded is then known by its row, and the others can be read.
        return HFSource(hub, split, table.cast_column(pictures, datasets.Image(decode=False)), pictures, labels)

    if unmet := unmet_hub(hub):
        raise UsageError(unmet[0])
    return _told(opened, hub, split)


def splits_of(hub: str, config: str | None) -> list[str]:
    """Return the names of the splits that a set has. Raises `UsageError`."""
    import datasets

    def found() -> list[str]:
        if (saved := _saved(hub)) is not None:
            return list(saved)
        return list(datasets.get_dataset_split_names(_name(hub), config))

    if unmet := unmet_hub(hub):
        raise UsageError(unmet[0])
    return _told(found, hub, "")


def data_files(hub: str, config: str | None, split: str) -> list[str]:
    """Return the files of a split, as paths or as addresses that fsspec opens. Raises `UsageError`."""
    import datasets

    def found() -> list[str]:
        files = datasets.load_dataset_builder(_name(hub), config).config.data_files or {}
        if split not in files:
            raise UsageError(
                f"[data] hub = {hub!r} has no split {split!r}, but {', '.join(map(str, files)) or 'none'}."
            )
        return [str(file) for file in files[split]]

    if unmet := unmet_hub(hub):
        raise UsageError(unmet[0])
    return _told(found, hub, split)


def read_pictures(hub: str, split: str, mode: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pictures of a split, (N, H, W) or (N, H, W, C) uint8, and their labels, (N,), where it has them.

    `mode` is what Pillow calls the kind of picture that is expected, "L" (grey) or "RGB". The pictures are the one
    column of type `datasets.Image`, the labels the one of type `ClassLabel`, or else the integers named "label".

    Raises `UsageError`, with what to do, whatever goes wrong.
    """
    table = open_table(hub, split)
    return _told(lambda: (_stack(table, mode), table.labels), hub, split)


def columns(features: Any, what: str, column: str | None = None) -> tuple[str, str | None]:
    """Return the column of pictures and that of labels. Raises `UsageError` where the former is not one."""
    import datasets

    pictures = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if column is not None:
        pictures = [name for name in pictures if name == column]
    if len(pictures) != 1:
        found = ", ".join(pictures) if pictures else f"none among {', '.join(features)}"
        wanted = "one column of pictures (type datasets.Image)" if column is None else f"the pictures in {column!r}"
        choose = " Name one with column." if pictures else ""
        raise UsageError(f"{what}: expected {wanted}, found {found}.{choose}")
    labels = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    if len(labels) != 1:
        labels = ["label"] if "int" in str(getattr(features.get("label"), "dtype", "")) else []
    return pictures[0], labels[0] if labels else None


def _told(do: Callable[[], Made], hub: str, split: str) -> Made:
    """Return what `do` returns, and turn whatever it raises into a `UsageError`."""
    try:
        return do()
    except UsageError:
        raise
    except Exception as error:  # the network, a cache, a stranger's files: whatever the library raises
        which = f", split {split!r}" if split else ""
        raise UsageError(
            f"hub = {hub!r}{which} cannot be loaded: {type(error).__name__}: {error} "
            "Check the id and the network, or give a local folder that `datasets.load_dataset` or "
            "`datasets.load_from_disk` opens."
        ) from error


def _folder(hub: str) -> Path:
    return Path(hub).expanduser()


def _name(hub: str) -> str:
    return str(_folder(hub).absolute()) if _folder(hub).is_dir() else hub


def _saved(hub: str) -> dict[str, Any] | None:
    """Return the splits of a set that the library has saved, or None for any other."""
    import datasets

    folder = _folder(hub)
    if not (folder / "dataset_dict.json").exists() and not (folder / "state.json").exists():
        return None
    saved = datasets.load_from_disk(str(folder))
    # A set saved without its siblings may know its own split; one that does not is taken for the train split, since
    # to hold out what was trained on would be worse than to refuse.
    return saved if isinstance(saved, datasets.DatasetDict) else {str(saved.split or "train"): saved}


def _open(hub: str, split: str, config: str | None) -> Any:
    import datasets

    splits = _saved(hub)
    if splits is None:
        return datasets.load_dataset(_name(hub), config, split=split)
    if split not in splits:
        raise UsageError(f"hub = {hub!r} has no split {split!r}, but {', '.join(splits)}.")
    return splits[split]


def _stack(table: HFSource, mode: str) -> np.ndarray:
    arrays: list[np.ndarray] = []
    for index in range(len(table)):
        picture = table.picture(index)
        if picture.mode != mode:
            raise UsageError(f"{table.where}: picture {index} has the mode {picture.mode!r}, expected {mode!r}.")
        arrays.append(np.asarray(picture))
        if arrays[-1].shape != arrays[0].shape:
            raise UsageError(
                f"{table.where}: picture {index} has the shape {arrays[-1].shape}, and the first one {arrays[0].shape}."
            )
    if not arrays:
        raise UsageError(f"{table.where}: there are no pictures.")
    return np.stack(arrays)
