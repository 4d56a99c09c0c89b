"""The place of a model folder with a fitted prior: what a fit may replace there, and which files stay.

Commands such as `genkit sample RUN/fitted` write beside the model by default. A later fit replaces the model, and keeps
what they wrote.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.on_disk.not_a_run_folder import run_around
from genkit.storage.json_tables import read_table
from genkit.storage.listing import exists, names_in
from genkit.storage.names import ABOUT, EMA, RAW, RECIPE
from genkit.storage.os_errors import ABSENT

NAME = "fitted"
FILES = {ABOUT, RAW, EMA, RECIPE}  # those of a model


def place_of_fit(path: Path, model: Path, facts: Mapping[str, Any]) -> Path:
    """Return where the fit of a model goes by default; never into a model folder of a run.

    Args:
        path: What the user has named: a run, or a model folder.
        model: The model folder.
        facts: Those of the model folder.

    It is ``RUN/fitted`` for ``RUN/final``, ``RUN/fitted-best`` for ``RUN/best``, and ``FOLDER/fitted`` for a model that
    is in no run. A model that has a fitted prior is replaced, wherever it is: its weights are the same.
    """
    if FIT in facts:
        return model
    run = run_around(model)
    if run is None:
        return path / NAME
    name = model.resolve().name
    return run / (NAME if name == "final" else f"{NAME}-{name}")


def refuse_to_replace(out: Path) -> None:
    """Raise `UsageError` if a place exists and is not an earlier fit."""
    if not exists(out):
        return
    try:
        fitted = FIT in read_table(out / ABOUT, {}, {})
    except (*ABSENT, ValueError):
        fitted = False
    if not fitted:
        raise UsageError(f"--out {out}: exists already, and is no model with a fitted prior. Choose another folder.")


def copy_other_files(out: Path, folder: Path) -> list[str]:
    """Copy what a folder has beside a model to another folder, and return the names. Raises `OSError`."""
    names = [name for name in names_in(out) if name not in FILES]
    for name in names:
        source = out / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / name, symlinks=True)
        else:
            shutil.copy2(source, folder / name, follow_symlinks=False)
    return names
