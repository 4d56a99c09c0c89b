"""The error for a path that is not a run folder: it names what the path is instead, and runs with a similar name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genkit.errors import UsageError
from genkit.near_miss import closest, near_miss
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, CONFIG, RESOLVED

RUNS = Path("runs")  # where commands make runs by default
SUGGESTED_RUNS = 10  # at most, in an error message


def not_a_run_folder(path: Path) -> UsageError:
    """Return the error for a path that is not a run folder: what the path is instead, and what the user can do."""
    remedy = "`genkit run RECIPE` creates a run folder, in runs/."
    if exists(path / CONFIG):
        taken = "`genkit.load` and commands that take a model, such as `genkit sample`, read it; this needs the run."
        return UsageError(f"{path}: an exported model, not a run folder (no {RESOLVED}). {taken}")
    if path.is_dir():
        return UsageError(f"{path}: not a run folder (no {RESOLVED}). {run_within(path) or remedy}")
    if not path.exists():
        return UsageError(f"{path}: not found.{runs_like(path)} {remedy}")
    if path.suffix == ".toml":
        remedy = f"If it is a recipe, start a run with `genkit run {path}`."
    return UsageError(f"{path}: a file, not a run folder. {remedy}")


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
    return near_miss(path.name, (same_start or runs)[-SUGGESTED_RUNS:])


def _runs_in(folder: Path) -> list[str]:
    return _folders_in(folder, (RESOLVED,))


def _folders_in(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the sorted names of the folders that have one of the files."""
    return sorted({found.parent.name for file in files for found in folder.glob(f"*/{file}")})
