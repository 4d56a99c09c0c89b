"""Pictures in a NumPy array as a source: bytes, or float numbers in [0, 1], of any of the usual layouts."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.source import BadPicture
from genkit.storage.os_errors import describe_os_error

if TYPE_CHECKING:
    from PIL.Image import Image

Layout = Literal["NHW", "NHWC", "NCHW"]
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by number of channels
SAMPLED = 64  # pictures whose values are part of the digest, and tell the range of the numbers
EXPECTED = "uint8, or float numbers in [0, 1] (0 black, 1 white)"
ARRAY, ZIP = b"\x93NUMPY", b"PK"  # what a .npy and a .npz begin with


@dataclass(frozen=True, eq=False)
class ArraySource:
    """The pictures of an array; the name of one is its row."""

    path: Path
    array: np.ndarray  # of `layout`
    layout: Layout
    labels: np.ndarray | None

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.array)

    def name(self, index: int) -> str:
        """Return ``row 7``."""
        return f"row {index}"

    def picture(self, index: int) -> Image:
        """Return the row as a picture of 8 bits. Raises `BadPicture` for numbers that are no shades."""
        from PIL import Image

        pixels = np.asarray(self.array[index])
        if self.layout == "NCHW":
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.dtype != np.uint8:
            if not np.isfinite(pixels).all():
                raise BadPicture("holds numbers that are not finite")
            if pixels.min() < 0 or pixels.max() > 1:
                raise BadPicture(f"holds numbers from {pixels.min():g} to {pixels.max():g}, outside [0, 1]")
            pixels = np.round(pixels * 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels))

    def some_rows(self) -> Iterator[np.ndarray]:
        """Yield at most `SAMPLED` rows that are spread over the array."""
        for row in np.unique(np.linspace(0, len(self.array) - 1, SAMPLED).astype(int)):
            yield self.array[row]

    def digest(self) -> str:
        """Return a digest of the file's size and time, of some rows, and of all labels."""
        status = self.path.stat()
        made = hashlib.blake2b(f"{status.st_size} {status.st_mtime_ns} {self.array.shape}".encode(), digest_size=16)
        for row in self.some_rows():
            made.update(np.ascontiguousarray(row).tobytes())
        made.update(f"{self.layout}".encode() + (b"" if self.labels is None else self.labels.tobytes()))
        return made.hexdigest()


def read_array(path: Path, member: str | None, labels: str | None, layout: Layout | None) -> ArraySource:
    """Open a .npy, memory-mapped, or a .npz. Raises `UsageError` for what holds no pictures.

    `member` and `labels` name arrays of the .npz; `labels` may be a .npy file beside a .npy. `layout` None: if only one
    can be meant.
    """
    members = _members(path)
    array = members.pop("") if "" in members else members.pop(_pictures(path, members, member))
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        cast = " Of integers in 0..255, save array.astype('uint8')." if array.dtype.kind in "iu" else ""
        raise UsageError(f"[data] {path}: holds {array.dtype}, expected {EXPECTED}.{cast}")
    if not array.size or array.ndim == 0:
        raise UsageError(f"[data] {path}: holds no picture, an array of shape {array.shape}.")
    found = ArraySource(path, array, _layout(path, array.shape, layout), _labels(path, len(array), members, labels))
    if array.dtype != np.uint8:
        _check_range(found)
    return found


def _check_range(found: ArraySource) -> None:
    """Raise `UsageError` where most rows are of another range: no picture is bad then, but the scale of all of them."""
    ranges = np.array([(row.min(), row.max()) for row in found.some_rows()])
    outside = (ranges[:, 0] < 0) | (ranges[:, 1] > 1)  # not of rows with NaN, which have no range
    if np.count_nonzero(outside) <= len(ranges) / 2:
        return
    least, most = np.nanmin(ranges), np.nanmax(ranges)
    remedy = "Scale them so that 0 is black and 1 is white"
    if least >= 0 and most <= 255:
        remedy = "Save array.round().astype('uint8'), or array / 255"
    elif least >= -1 and most <= 1:
        remedy = "Save (array + 1) / 2"
    raise UsageError(f"[data] {found.path}: holds numbers from {least:g} to {most:g}, expected {EXPECTED}. {remedy}.")


def _members(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name; that of a .npy is called ""."""
    try:
        held = np.load(path, mmap_mode="r", allow_pickle=False)
        return {"": held} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"[data] {path}: cannot be read as .npy or .npz: {_why_not_read(path, error)}") from None


def _why_not_read(path: Path, error: Exception) -> str:
    """Return why a file cannot be read, and the remedy. numpy's own words are of options that nobody here has."""
    again = "Get or write the file again."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{describe_os_error(error, path)}. {again}"
    with path.open("rb") as file:
        start = file.read(len(ARRAY))
    if not start:
        return f"it is empty. {again}"
    if not start.startswith((ARRAY, ZIP)):
        return "it is neither, whatever it is called. Save an array with numpy.save or numpy.savez."
    if "bject" in str(error):  # "Python objects in dtype", "Object arrays cannot be loaded ..."
        return f"it holds Python objects, which may run code. Save an array of {EXPECTED}."
    return f"it is cut short or damaged. {again}"


def _pictures(path: Path, members: dict[str, np.ndarray], member: str | None) -> str:
    fitting = [name for name, array in members.items() if array.ndim in (3, 4)]
    if member is not None and member not in members:
        raise UsageError(f"[data] array: {path} has no {member!r}, but {', '.join(members) or 'nothing'}.")
    if member is None and len(fitting) != 1:
        found = (
            f"{' and '.join(fitting)} might be them" if fitting else f"none of {', '.join(members) or 'them'} can be"
        )
        raise UsageError(f"[data] {path}: which array has the pictures? {found}; name one with array = NAME.")
    return fitting[0] if member is None else member


def _layout(path: Path, shape: tuple[int, ...], declared: Layout | None) -> Layout:
    possible: list[Layout] = ["NHW"] if len(shape) == 3 else []
    if len(shape) == 4:
        possible = [*(["NHWC"] if shape[3] in MODES else []), *(["NCHW"] if shape[1] in MODES else [])]  # type: ignore[list-item]
    if declared is not None and declared in possible:
        return declared
    if declared is not None or not possible:
        wanted = declared or "(N, H, W), (N, H, W, C) or (N, C, H, W)"
        raise UsageError(f"[data] {path}: holds an array of shape {shape}, expected {wanted} with C of 1, 3 or 4.")
    if len(possible) > 1:
        raise UsageError(f'[data] {path}: {shape} may be "NHWC" or "NCHW"; say which with layout.')
    return possible[0]


def _labels(path: Path, number: int, members: dict[str, np.ndarray], given: str | None) -> np.ndarray | None:
    if given is None:
        labels = members.get("labels")
    elif given in members:
        labels = members[given]
    else:
        labels = _members(Path(given).expanduser().absolute()).get("")
    if labels is None:
        if given is None:
            return None
        raise UsageError(f"[data] labels: {given} is no array of {path}, and no .npy file.")
    if labels.shape != (number,) or labels.dtype.kind not in "iu":
        raise UsageError(
            f"[data] labels: found {labels.dtype} of shape {labels.shape}, expected one integer for each of the "
            f"{number:,} pictures of {path}."
        )
    return np.asarray(labels, np.int64)
