"""Trained weights on disk: a model folder, an exported folder, or the newest checkpoint of an unfinished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from genkit.errors import UsageError
from genkit.recipe.installed.owners import suppliers_in
from genkit.recipe.text.document import Document, read
from genkit.runs.on_disk.not_a_run_folder import not_a_run_folder, run_around, run_within
from genkit.runs.on_disk.resolved_recipe import FINAL, has_lost_recipe, tables_of_run
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.unfinished import way_on
from genkit.runs.trained_models.build_parts import build_data
from genkit.runs.training import checkpoint
from genkit.storage.exported_folder import AGAIN, check_files, read_config
from genkit.storage.exported_weights import is_exported_only, read_exported
from genkit.storage.json_tables import Counts, read_table
from genkit.storage.listing import exists
from genkit.storage.names import CONFIG, RAW, RECIPE, RESOLVED
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.weights import (
    ABOUT,
    EMA,
    HOW_TO_REWRITE,
    check_which,
    model_folder,
    no_ema_weights,
    read_weights,
    select,
)


@dataclass(frozen=True)
class SavedModel:
    """The weights in a model folder."""

    place: Path  # the model folder, or the checkpoint
    facts: Mapping[str, Any]  # data shape, step, fingerprint of the data, parts and environment
    recipe: Document  # with all defaults
    has_ema: bool

    @property
    def shown_weights(self) -> str:
        """The weights that pictures, scores and maps are of, unless the user asks for others: "ema" or "raw"."""
        return "ema" if self.has_ema else "raw"

    @property
    def remark(self) -> str:
        """What a user of the weights must know; empty for a model folder."""
        return ""

    def tensors(self, which: str) -> dict[str, Tensor]:
        """Return the "raw" or "ema" weights by name. Raises `UsageError`."""
        return read_weights(self.place, which)


@dataclass(frozen=True)
class CheckpointedModel(SavedModel):
    """The weights in the newest checkpoint of a run that has not finished."""

    @property
    def remark(self) -> str:
        """The step of the weights."""
        return f"{self.place.parent.parent}: has not finished; these are the weights after step {self.facts['step']}"

    def tensors(self, which: str) -> dict[str, Tensor]:
        """Return the "raw" or "ema" weights by name. Raises `UsageError`."""
        check_which(which)
        if which == "ema" and not self.has_ema:
            raise no_ema_weights(self.place)
        tensors, _ = checkpoint.read(self.place)
        return select(tensors, "ema/" if which == "ema" else "model/")


@dataclass(frozen=True)
class ExportedModel(SavedModel):
    """The weights in an exported folder, raw or EMA; the folder has one of them."""

    config: Mapping[str, Any]

    @property
    def weights(self) -> str:
        """Which weights the folder has."""
        return str(self.config["weights"])

    def tensors(self, which: str) -> dict[str, Tensor]:
        """Return the weights by name. Raises `UsageError` for those that the folder does not have."""
        remedy = f"Leave out --weights, or export the run with `genkit export RUN --weights {which}`."
        return read_exported(self.place, self.config, which, remedy)


def find_model(path: Path) -> SavedModel:
    """Return the weights of a run, a model folder or an exported folder, of which each file is checked.

    Those of a run are in final/ if it has finished, else in its newest checkpoint.

    Raises `UsageError` if there are none, or if their facts or their recipe cannot be read.
    """
    run = RunFolder(path)
    if exists(run.resolved):
        tables_of_run(run.resolved)
        if not run.finished and (saved := run.saved_steps()):
            return _checkpointed(run, saved[-1])
    folder = model_folder(path)
    if is_exported_only(folder):
        return _exported(folder)
    facts = facts_of(path)
    document = _with_title_of_run(recipe_of(folder), RunFolder(folder.resolve().parent))
    recipe = replace(document, suppliers=suppliers_in(facts.get("parts") or ()))
    return SavedModel(folder, facts, recipe, EMA in (facts.get("sha256") or {}))


def facts_of(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the facts of a finished run or of a model folder: data shape, step, parts and environment.

    Raises `UsageError` if they cannot be read.
    """
    folder = model_folder(Path(path))
    try:
        optional = {"step": int, "data": dict, "sha256": dict, "parts": list}
        return read_table(folder / ABOUT, {"data_shape": Counts}, optional)
    except (*ABSENT, ValueError):
        if not folder.is_dir():
            raise not_a_run_folder(folder, models=True) from None
        if has_lost_recipe(Path(path)):
            tables_of_run(Path(path) / RESOLVED)  # raises: an unfinished run needs it
        run = run_around(folder) if folder.name == FINAL else None
        remedy = run_within(folder) or "Give a run, or a model folder such as RUN/final."
        if exists(Path(path) / RESOLVED):
            if not exists(folder / ABOUT):
                raise without_checkpoint(Path(path), "model") from None
            remedy = HOW_TO_REWRITE.format(folder=folder)
        elif exists(folder / RAW) and not exists(folder / ABOUT) and run is not None:
            remedy = f"It is a part of the model of a run, {run}. {way_on(RunFolder(run))}"
        elif exists(folder / RAW) and not exists(folder / ABOUT):
            remedy = f"It has weights, but neither {ABOUT} nor {CONFIG}: the copy is incomplete. {AGAIN}"
        raise UsageError(f"{folder}: not a model folder (no readable {ABOUT}). {remedy}") from None
    except OSError as error:
        raise unreadable(folder / ABOUT, error) from None


def without_checkpoint(run: Path, what: str) -> UsageError:
    """Return the error about a run that was stopped, or that diverged, before its first checkpoint."""
    return UsageError(f"{run}: this run has no checkpoint yet, so it has no {what}. {way_on(RunFolder(run))}")


def recipe_of(folder: Path) -> Document:
    """Return the recipe in a model folder. Raises `UsageError` if it cannot be read or has no ``[model]``."""
    path = folder / RECIPE
    there = exists(path)
    try:
        document = read(path) if there else Document({})
    except UsageError:
        document = Document({})
    if "model" not in document.tables:
        problem = "cannot be read, or has no [model]" if there else "not found"
        raise UsageError(f"{path}: {problem}. {HOW_TO_REWRITE.format(folder=folder)}")
    return document


def _with_title_of_run(document: Document, run: RunFolder) -> Document:
    """Return the recipe of a model folder, with the title that the run around it has now, if there is such a run.

    A title decides no weights, so that of a run may be changed after it has finished.
    """
    try:
        title = read(run.resolved).tables.get("title") if exists(run.resolved) else None
    except UsageError:
        title = None
    return replace(document, tables={**document.tables, "title": title}) if isinstance(title, str) else document


def _exported(folder: Path) -> ExportedModel:
    config = read_config(folder)
    check_files(folder, config)
    facts, suppliers = config["facts"], suppliers_in(config["facts"].get("parts") or ())
    recipe = Document(config["recipe"], str(folder / CONFIG), suppliers=suppliers)
    if "model" not in recipe.tables:
        raise UsageError(f"{folder / CONFIG}: recipe: has no [model]. {AGAIN}")
    return ExportedModel(folder, facts, recipe, config["weights"] == "ema", config)


def _checkpointed(run: RunFolder, step: int) -> CheckpointedModel:
    place = run.checkpoint(step)
    facts, document = checkpoint.read_facts(place), read(run.resolved)
    # The recipe of the weights, not what somebody has written into the file since. Data may have moved.
    trained = {key: value for key, value in (facts.get("recipe") or {}).items() if key != "data"}
    suppliers = {**document.suppliers, **suppliers_in(facts.get("parts") or ())}
    document = replace(document, tables={**document.tables, **trained}, suppliers=suppliers)
    if facts.get("data_shape") is None:  # a checkpoint of an earlier version
        facts["data_shape"] = list(build_data(document).shape)
    return CheckpointedModel(place, facts, document, "ema" in document.tables)
