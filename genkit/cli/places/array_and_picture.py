"""An array and a picture of it under one name, as `genkit sample`, `reconstruct` and `interpolate` write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.places.destination import Destination
from genkit.cli.places.output_files import OutputFiles
from genkit.cli.places.outputs import refuse_inside_data

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

ENDINGS = (".npy", ".npz", ".png")


def write_array_and_picture(
    out: Destination | None,
    default: Path,
    arrays: Tensor | Mapping[str, Tensor],
    draw: Callable[[Path], list[Path]],
    data: Mapping[str, Any],
    pictures: Path | None = None,
) -> list[str]:
    """Write OUT.npy, or OUT.npz for named arrays, and let `draw` write OUT.png; return the paths of what was written.

    `out` may have one of these endings, which is then replaced, or be a folder, which gets files with the default
    names. Raises `UsageError` where the files cannot be written, or would be in a folder of the recipe's table `data`
    or of the user's own pictures.
    """
    output = OutputFiles(out, default, ENDINGS)
    refuse_inside_data(output.stem, data, pictures)
    with output.writing() as (alone, named, picture):
        _save(named if isinstance(arrays, Mapping) else alone, arrays)
        draw(picture)
    return [str(path) for path in output.written]


def _save(path: Path, arrays: Tensor | Mapping[str, Tensor]) -> None:
    import numpy as np

    if isinstance(arrays, Mapping):
        by_name: Mapping[str, Any] = {name: tensor.numpy() for name, tensor in arrays.items()}
        np.savez(path, **by_name)
    else:
        _save_array(path, np.ascontiguousarray(arrays.numpy()))


def _save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file. `np.save` does not report why a write failed, for example on a full disk."""
    from numpy.lib import format

    with path.open("wb") as file:
        format.write_array_header_1_0(file, format.header_data_from_array_1_0(array))
        file.write(array.data)
