"""The error for a path that is not a run folder: it names what the path is instead, and runs with a similar name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from genkit.errors import UsageError
from genkit.near_miss import closest, near_miss
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, CONFIG, RAW, RESOLVED

RUNS = Path("runs")  # where commands make runs by default
SUGGESTED_RUNS = 10  # at most, in an error message
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
"""ORG/NAME, a model on the hub."""
READERS = ("anomaly", "demo", "encode", "eval", "interpolate", "reconstruct", "sample", "score")
"""The commands that take any model: of a run, exported, or on the hub."""
MAKERS = {
    "best": "A run has best/ if its recipe sets [evaluate] best.",
    "fitted": "`genkit fit-prior RUN` makes fitted/.",
}
"""What makes a model folder that a run may lack."""


def not_a_run_folder(path: Path, *, models: bool = False) -> UsageError:
    """Return the error for a path that is not a run folder: what the path is instead, and what the user can do.

    With `models` the path may also be a model folder, such as ``RUN/final``, and is none.
    """
    remedy = "`genkit run RECIPE` creates a run folder, in runs/."
    if exists(path / CONFIG):
        taken = f"This needs the run; {readers()} read it."
        return UsageError(f"{path}: an exported model, not a run folder (no {RESOLVED}). {taken}")
    if exists(path / ABOUT):
        run = run_around(path)
        taken = f"Give its run, {run}." if run is not None else f"This needs the run; {readers()} read it."
        return UsageError(f"{path}: a model folder, not a run folder (no {RESOLVED}). {taken}")
    if path.is_dir():
        run = run_around(path) if exists(path / RAW) else None
        around = f"It is a part of a model folder. Give its run, {run}." if run is not None else ""
        return UsageError(f"{path}: not a run folder (no {RESOLVED}). {around or run_within(path) or remedy}")
    if not path.exists():
        if exists(path.parent / RESOLVED):
            found = runs_like(path, models=True) if models else f" Give its run, {path.parent}."
            return UsageError(f"{path}: not found.{found}")
        return UsageError(f"{path}: not found.{runs_like(path)} {remedy}{hint_of_hub(path)}")
    if path.suffix == ".toml":
        remedy = f"If it is a recipe, start a run with `genkit run {path}`."
    return UsageError(f"{path}: a file, not a run folder. {remedy}")


def readers() -> str:
    """Return the names of what takes any model, for a message."""
    *names, last = READERS
    return f"`genkit.load` and the commands {', '.join(names)} and {last}"


def may_be_on_hub(path: Path) -> bool:
    """Return whether a path that does not exist may be meant as ORG/NAME, a model on the hub.

    FOLDER/NAME is a path where FOLDER exists here, and so is runs/NAME.
    """
    return REPOSITORY.fullmatch(str(path)) is not None and path.parent != RUNS and not exists(path.parent)


def hint_of_hub(path: Path) -> str:
    """Return a hint for a path that is not found, where a run is needed; empty unless it may be ORG/NAME."""
    if not may_be_on_hub(path):
        return ""
    return f" If {path} is a model on the hub: this needs a run on this machine; {readers()} take ORG/NAME."


def run_around(model: Path) -> Path | None:
    """Return the run whose folder has this model folder in it; None if there is none."""
    parent = model.parent if model.name and model.name != ".." else model.resolve().parent
    return parent if exists(parent / RESOLVED) else None


def run_within(folder: Path) -> str:
    """Return a hint that names the newest run in a folder that is none itself; empty without a run."""
    runs = _runs_in(folder)
    return f"Give a run, such as {folder / runs[-1]}." if runs else ""


def runs_like(path: Path, *, models: bool = False) -> str:
    """Return a hint with names of runs in the same folder: those that start alike, or else similar or new ones.

    A run whose name alone is given may also be in runs/. With `models` the hint also has model folders and exported
    folders.
    """
    runs = _folders_in(path.parent, (RESOLVED, ABOUT, CONFIG)) if models else _runs_in(path.parent)
    elsewhere = [] if path.parent != Path() or closest(path.name, runs) else closest(path.name, _runs_in(RUNS))
    if elsewhere:
        return f" Did you mean {' or '.join(str(RUNS / name) for name in elsewhere)}?"
    same_start = [name for name in runs if name.startswith(path.name)]
    made = f" {MAKERS[path.name]}" if models and path.name in MAKERS and exists(path.parent / RESOLVED) else ""
    return near_miss(path.name, (same_start or runs)[-SUGGESTED_RUNS:]) + made


def _runs_in(folder: Path) -> list[str]:
    return _folders_in(folder, (RESOLVED,))


def _folders_in(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the sorted names of the folders that have one of the files."""
    return sorted({found.parent.name for file in files for found in folder.glob(f"*/{file}")})
