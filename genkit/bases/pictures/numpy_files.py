"""Reading of pictures from .npy and .npz files: find the array and its layout, and check its values."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from genkit.bases.pictures.array_picture import CHANNEL_COUNTS, NPY_MAGIC, Layout, digits, is_outside
from genkit.bases.pictures.array_source import ArraySource
from genkit.bases.pictures.npz_file import Header, NpzFile
from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.regular_file import open_regular
from genkit.storage.user_path import user_path

DECOMPRESSION = (zlib.error, lzma.LZMAError)  # raised for a damaged archive
OVERSHOOT = 0.2  # share of the range by which resampled pictures exceed it
FAR_ABOVE_ONE = 2  # a larger maximum shows that white is not 1
EXPECTED_VALUES = "uint8, or float values in [0, 1] (0 black, 1 white)"
DATA = "[data]"  # the table of a recipe, whose keys say what a file alone does not show
LEVELS = "window = [low, high] or percentiles"
DECLARE = f" For values of another range, set {LEVELS}."
DECLARED_BY_RUN = f" Values of another range need a run whose [data] has {LEVELS}."
ZIP_MAGIC = b"PK"  # the first bytes of a .npz


def read_array(
    path: Path,
    member: str | None,
    labels: str | None,
    layout: Layout | None,
    place: str = DATA,
    *,
    any_range: bool = False,
    booleans: bool = False,
) -> ArraySource:
    """Open the pictures of a .npy, as a memory map, or of a .npz.

    Args:
        path: The file.
        member: Name of the array with the pictures in a .npz; None if only one array fits.
        labels: Name of an array in the .npz, or a .npy file; None for the array "labels" of the .npz, if it exists.
        layout: Order of the dimensions; None if the shape shows it.
        place: The recipe table or the option that names the file; error messages start with it.
        any_range: Whether integers and floats of any range are accepted: the recipe declares their levels, or they
            are masks.
        booleans: Whether booleans are accepted, too, as masks may have.

    Raises:
        UsageError: If the file cannot be read, or its array cannot be pictures.
    """
    with _reading(path, place):
        if not _is_archive(path):
            array, archive, name = np.load(path, mmap_mode="r", allow_pickle=False), None, ""
        else:
            archive = NpzFile(path)
            name = _name_of_pictures(path, archive.headers, member, place)
            array = archive.array(name)
    if not (booleans and array.dtype == bool):
        _check_type(path, array, place, any_range)
    _check_not_empty(path, array, place, "mask" if booleans else "picture")
    found = _layout(path, array.shape, layout, place)
    source = ArraySource(
        path,
        array,
        found,
        _labels(path, len(array), archive, labels, place),
        name if archive and len(archive.headers) > 1 else "",
    )
    if array.dtype != np.uint8 and not any_range:
        _check_range(source, place)
    return source


def _is_archive(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC


@contextmanager
def _reading(path: Path, place: str) -> Iterator[None]:
    """Turn what the block raises for a file that cannot be read into a `UsageError`."""
    try:
        yield
    except (OSError, ValueError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, *DECOMPRESSION) as error:
        raise UsageError(
            f"{place} {path}: cannot be read as .npy or .npz: {_describe_load_error(path, error)}"
        ) from None


def _describe_load_error(path: Path, error: Exception) -> str:
    """Return why a file cannot be read, and the remedy; NumPy's message advises options that genkit does not offer."""
    replace = "Download or write the file again."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{describe_os_error(error, path)}. {replace}"
    with path.open("rb") as file:
        start = file.read(len(NPY_MAGIC))
    if not start:
        return f"the file is empty. {replace}"
    if not start.startswith((NPY_MAGIC, ZIP_MAGIC)):
        return "the content is neither format. Save an array with numpy.save or numpy.savez."
    if "bject" in str(error):  # "Python objects in dtype", "Object arrays cannot be loaded ..."
        return f"the array holds Python objects, and to load them may run code. Save an array of {EXPECTED_VALUES}."
    return f"the file is truncated or damaged. {replace}"


def _name_of_pictures(path: Path, arrays: Mapping[str, Header], member: str | None, place: str) -> str:
    """Return the name of the array with the pictures in a .npz."""
    if member is not None:
        if member not in arrays:
            raise UsageError(
                f"{place} array: no array {member!r} in {path}; its arrays are {', '.join(arrays) or 'none'}."
            )
        return member
    candidates = [name for name, header in arrays.items() if len(header.shape) in (3, 4)]
    if len(candidates) != 1:
        found = (
            f"more than one array could be the pictures: {', '.join(candidates)}"
            if candidates
            else f"no array with 3 or 4 dimensions among {', '.join(arrays) or 'none'}"
        )
        remedy = "Name the array with array = NAME." if place == DATA else "Save the pictures alone with numpy.save."
        raise UsageError(f"{place} {path}: {found}. {remedy}")
    return candidates[0]


def _check_type(path: Path, array: np.ndarray, place: str, any_range: bool) -> None:
    """Raise `UsageError` unless an array has values, of uint8 or a float type, or with `any_range` of any integer."""
    if any_range and array.dtype.kind not in "iuf":
        raise UsageError(f"{place} {path}: found values of type {array.dtype}, expected integers or floats.")
    if not any_range and array.dtype != np.uint8 and array.dtype.kind != "f":
        cast = " If the values are integers in 0..255, save array.astype('uint8')." if array.dtype.kind in "iu" else ""
        found = f"found values of type {array.dtype}, expected {EXPECTED_VALUES}"
        raise UsageError(f"{place} {path}: {found}.{cast}{DECLARE if place == DATA else DECLARED_BY_RUN}")


def _check_not_empty(path: Path, array: np.ndarray, place: str, what: str) -> None:
    if not array.size or array.ndim == 0:
        raise UsageError(f"{place} {path}: no {what} in an array of shape {array.shape}. Give (N, H, W) or larger.")


def _check_range(source: ArraySource, place: str) -> None:
    """Raise `UsageError` if most rows have values outside [0, 1]: then the scale is wrong, not a few pictures."""
    ranges = [(row.min(), row.max()) for row in source.some_rows()]
    if sum(is_outside(*extremes) for extremes in ranges) <= len(ranges) / 2:  # rows with NaN are bad pictures
        return
    least, most = np.nanmin(ranges), np.nanmax(ranges)
    raise UsageError(
        f"{place} {source.path}: found values from {digits(least)} to {digits(most)}, expected {EXPECTED_VALUES}. "
        f"{_advise_scale(float(least), float(most))}.{DECLARE if place == DATA else DECLARED_BY_RUN}"
    )


def _advise_scale(least: float, most: float) -> str:
    """Return how to bring values to [0, 1], as far as the extremes show it; resampling overshoots a little."""
    if least > -OVERSHOOT and most < 1 + OVERSHOOT:
        return "Save array.clip(0, 1)"
    if abs(least + 1) < OVERSHOOT and abs(most - 1) < OVERSHOOT:
        exact = not is_outside((least + 1) / 2, (most + 1) / 2)
        return "Save (array + 1) / 2" if exact else "Save ((array + 1) / 2).clip(0, 1)"
    if least > -OVERSHOOT * most and FAR_ABOVE_ONE < most < (1 + OVERSHOOT) * 255:
        array = "array.clip(0, 255)" if is_outside(least / 255, most / 255) else "array"
        return f"Save {array}.round().astype('uint8'), or {array} / 255"
    return "Scale them so that 0 is black and 1 is white"


def _layout(path: Path, shape: tuple[int, ...], declared: Layout | None, place: str) -> Layout:
    """Return the layout of an array of this shape. Raises `UsageError` if it is ambiguous or impossible."""
    possible: list[Layout] = ["NHW"] if len(shape) == 3 else []
    if len(shape) == 4:
        possible += ["NHWC"] if shape[3] in CHANNEL_COUNTS else []
        possible += ["NCHW"] if shape[1] in CHANNEL_COUNTS else []
    if declared is not None and declared in possible:
        return declared
    if place != DATA and len(shape) == 3 and (shape[2] in CHANNEL_COUNTS or shape[0] == shape[1] != shape[2]):
        first, second, last = shape
        raise UsageError(
            f"{place} {path}: an array of shape {shape} can be {first} pictures of height {second} and width {last}, "
            f"or have pictures of height {first} and width {second}. Save (N, 1, H, W), or (N, H, W, 3) for colour."
        )
    if declared is not None or not possible:
        wanted = declared or "(N, H, W), (N, H, W, C) or (N, C, H, W)"
        raise UsageError(f"{place} {path}: found an array of shape {shape}, expected {wanted} with C of 1, 3 or 4.")
    if len(possible) > 1:
        remedy = "Set layout to one of them." if place == DATA else "Save the pictures as image files."
        raise UsageError(f'{place} {path}: an array of shape {shape} can be "NHWC" or "NCHW". {remedy}')
    return possible[0]


def _labels(path: Path, number: int, archive: NpzFile | None, given: str | None, place: str) -> np.ndarray | None:
    """Return the labels of `number` pictures, (N,) int64, or None. Raises `UsageError` for anything else."""
    name, found = given or "labels", () if archive is None else archive.headers
    if archive is not None and name in found:
        with _reading(path, place):
            labels = archive.array(name)
    elif given is None:
        return None
    else:
        labels = _load_labels(path, given, place)
    if labels.shape != (number,) or labels.dtype.kind not in "iu":
        raise UsageError(
            f"{place} labels: found {labels.dtype} of shape {labels.shape}, expected one integer for each of the "
            f"{number:,} pictures of {path}."
        )
    return np.asarray(labels, np.int64)


def _load_labels(path: Path, given: str, place: str) -> np.ndarray:
    file = user_path(given).absolute()
    with _reading(file, place):
        if not _is_archive(file):
            return np.load(file, mmap_mode="r", allow_pickle=False)
    raise UsageError(f"{place} labels: {given} is neither an array of {path} nor a .npy file.")
