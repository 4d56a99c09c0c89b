"""The files that a command writes: an array and a picture under one name, and errors that name the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

DATA_FOLDERS = ("path", "hold_out", "hub", "masks")  # keys of [data] that may name a folder of pictures
ENDINGS = (".npy", ".npz", ".png")


def write_outputs(
    out: Path | None,
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
    stem = output_stem(out, default)
    refuse_inside_data(stem, data, pictures)
    named = isinstance(arrays, Mapping)
    array, picture = (stem.with_name(stem.name + ending) for ending in (".npz" if named else ".npy", ".png"))
    with refused_if_unwritable(stem, remedy=" Choose another place with --out."):
        stem.parent.mkdir(parents=True, exist_ok=True)
        _save(array, arrays)
        return [str(path) for path in (array, *draw(picture))]


def output_stem(out: Path | None, default: Path, endings: Sequence[str] = ENDINGS) -> Path:
    """Return the path of the files to write, without their endings: `out`, or for a folder the default name in it."""
    stem = out / default.name if out is not None and out.is_dir() else out or default
    return stem.with_suffix("") if stem.suffix.lower() in endings else stem


@contextmanager
def refused_if_unwritable(place: Path, *, option: str = "", remedy: str = "") -> Iterator[None]:
    """Turn an `OSError` of the block into a `UsageError` that names the option and the place."""
    try:
        yield
    except OSError as error:
        label = f"{option} {place}".lstrip()
        raise UsageError(f"{label}: cannot be written: {describe_os_error(error, place)}.{remedy}") from None


@contextmanager
def made_for_files(files: Sequence[Path]) -> Iterator[None]:
    """Make the folder of the files that the block writes, and remove it again if the block raises.

    Turn an `OSError` into a `UsageError`, and raise one if any of the files is a folder.
    """
    remedy = " Choose another place with --out."
    if folders := [file for file in files if file.is_dir()]:
        raise UsageError(f"{folders[0]}: cannot be written: it is a folder.{remedy}")
    parent = files[0].parent
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        with refused_if_unwritable(files[0], remedy=remedy):
            parent.mkdir(parents=True, exist_ok=True)
            yield
    except BaseException:
        with suppress(OSError):
            for folder in missing:  # the innermost first
                folder.rmdir()
        raise


def refuse_inside_data(out: Path, data: Mapping[str, Any], pictures: Path | None = None) -> None:
    """Raise `UsageError` if a picture at `out` would be in a folder of pictures, since it would become one of them.

    The folders are those of [data], given as tables, and that of the user's own pictures. A run is never read as data.
    """
    from genkit.bases.pictures.folder_walk import is_run_folder

    folders = {f"[data] {key}": user_path(data[key]) for key in DATA_FOLDERS if isinstance(data.get(key), str)}
    place = out.resolve()
    for origin, given in (*folders.items(), *([("--data", pictures)] if pictures else [])):
        folder = given.resolve()
        if folder not in place.parents or not folder.is_dir():
            continue
        if not any(is_run_folder(above) for above in place.parents if folder in above.parents):
            raise UsageError(
                f"--out {out}: in {folder}, the folder of {origin}, so the picture would become data. "
                "Choose another place with --out."
            )


def require_png(out: Path) -> None:
    """Raise `UsageError` unless the name ends in .png."""
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: not the name of a PNG file. Give a name that ends in .png.")


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
