"""Where a command writes its array and its picture, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def write_outputs(
    out: Path | None, default: Path, arrays: Tensor | Mapping[str, Tensor], draw: Callable[[Path], list[Path]]
) -> list[str]:
    """Write OUT.npy, or OUT.npz where the arrays have names, and what `draw` makes of OUT.png; return the paths.

    An `out` that ends in one of the three stands for what is before the ending; one that is a folder, for a file in it
    that is called as the default is.

    Raises `UsageError` where the place cannot be written.
    """
    import numpy as np

    stem = out / default.name if out is not None and out.is_dir() else out or default
    if stem.suffix.lower() in (".npy", ".npz", ".png"):
        stem = stem.with_suffix("")
    array, picture = (
        stem.with_name(stem.name + ending) for ending in (".npz" if isinstance(arrays, Mapping) else ".npy", ".png")
    )
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(arrays, Mapping):
            named: Mapping[str, Any] = {name: tensor.numpy() for name, tensor in arrays.items()}
            np.savez(array, **named)
        else:
            _save(array, np.ascontiguousarray(arrays.numpy()))
        return [str(path) for path in (array, *draw(picture))]
    except OSError as error:
        raise UsageError(
            f"{stem}: cannot be written: {describe_os_error(error, stem)}. Choose another place with --out."
        ) from None


def check_png(out: Path) -> None:
    """Raise `UsageError` unless the picture that a command is to write is called as one."""
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the picture is a PNG; give a name that ends in .png.")


def _save(path: Path, array: np.ndarray) -> None:
    """Write what `np.save` would, whose own writer keeps to itself why it failed: of a full disk it says nothing."""
    from numpy.lib import format

    with path.open("wb") as file:
        format.write_array_header_1_0(file, format.header_data_from_array_1_0(array))
        file.write(array.data)
