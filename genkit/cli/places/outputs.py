"""Places where a command must not or cannot write, as errors that name the option and the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path

DATA_FOLDERS = ("path", "hold_out", "hub", "masks")  # keys of [data] that may name a folder of pictures


@contextmanager
def refused_if_unwritable(place: Path, *, option: str = "", remedy: str = "") -> Iterator[None]:
    """Turn an `OSError` of the block into a `UsageError` that names the option and the place."""
    try:
        yield
    except OSError as error:
        label = f"{option} {place}".lstrip()
        raise UsageError(f"{label}: cannot be written: {describe_os_error(error, place)}.{remedy}") from None


def refuse_inside_data(
    out: Path, data: Mapping[str, Any], pictures: Path | None = None, *, table: str = "[data]"
) -> None:
    """Raise `UsageError` if a picture at `out` would be in a folder of pictures, since it would become one of them.

    The folders are those of [data] or another `table`, given as `data`, and that of the user's own pictures. A run is
    never read as data.
    """
    from genkit.bases.pictures.folder_walk import is_run_folder

    folders = {
        f"{table} {key}": user_path(data[key]) for key in DATA_FOLDERS if data.get(key) and isinstance(data[key], str)
    }
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


def refuse_among_pictures(option: str, out: Path, resolved: Mapping[str, Any]) -> str:
    """Raise `UsageError` if a folder of new pictures, which `option` names, would be in a folder of other pictures.

    These folders are those of [data] and of the data sets of metrics, given as tables, and the first folder above the
    new one that exists, if it has a picture of its own: it may be a set that the user scores. If its sub-folders have
    pictures, it may be such a set with classes, or hold several sets: return a remark then, or else an empty text.
    """
    from genkit.bases.pictures.folder_walk import picture_folders
    from genkit.bases.pictures.image_formats import is_image_file

    inside = out / "picture.png"
    refuse_inside_data(inside, resolved.get("data", {}))
    for label, metric in resolved.get("metrics", {}).items():
        if isinstance(metric, Mapping) and isinstance(other := metric.get("other"), Mapping):
            refuse_inside_data(inside, other, table=f"[metrics.{label}.other]")
    above = (out.resolve(), *out.resolve().parents)
    folder = next(each for each in above[1:] if each.exists())
    if folder in (here := Path.cwd().resolve(), *here.parents) or not folder.is_dir():
        return ""
    try:
        found = min((each.name for each in folder.iterdir() if each.is_file() and is_image_file(each.name)), default="")
        beside = [name for name in picture_folders(folder) if (folder / name).resolve() not in above]
    except PermissionError:
        return ""  # nobody reads it as a set of pictures either
    if found:
        raise UsageError(
            f"{option} {out}: in {folder}, a folder with other pictures, such as {found}, so the new ones would be "
            f"read with them. Choose another place with {option}."
        )
    if not beside:
        return ""
    return (
        f"{option} {out}: {folder} has other pictures, in {beside[0]}/. If it is one set with classes, "
        "the new pictures become part of it."
    )
