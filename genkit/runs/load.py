"""Trained models read from disk: `genkit.load`."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import torch

from genkit.core.model import Model
from genkit.errors import RecipeError, UsageError
from genkit.recipe.bind import Binder, Invalid
from genkit.recipe.document import Document, read
from genkit.recipe.registry import load_registry
from genkit.runs.run_folder import not_a_run_folder
from genkit.storage.json_tables import read_table
from genkit.storage.listing import exists
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.user_path import user_path
from genkit.storage.weights import ABOUT, HOW_TO_REWRITE, copy_by_name, model_folder, read_weights


def load(path: str | PathLike[str], weights: str = "raw") -> Model:
    """Return the model of a finished run or of a model folder, in evaluation mode, on the CPU.

    `weights` is "raw", or "ema" for the EMA weights of a run with ``[ema]``. Loading needs the plugin that supplies
    the model, but neither the data nor the loss. Raises `UsageError` if `path` is neither a finished run nor a model
    folder, or if its recipe or its weights cannot be read.
    """
    path = user_path(path)
    folder, facts = model_folder(path), facts_of(path)
    model = _build_model(recipe_of(folder), tuple(facts["data_shape"]))
    tensors = read_weights(folder, weights)
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        model.double()
    copy_by_name(model, tensors, folder)
    return model.eval()


def facts_of(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the facts of a finished run or of a model folder: data shape, step, parts and environment.

    Raises `UsageError` if they cannot be read.
    """
    folder = model_folder(Path(path))
    try:
        facts = read_table(folder / ABOUT, {"data_shape": list}, {"step": int, "data": dict, "sha256": dict})
        if not all(isinstance(length, int) for length in facts["data_shape"]):
            raise ValueError("data_shape: expected whole numbers")
        return facts
    except (*ABSENT, ValueError):
        if not folder.is_dir():
            raise not_a_run_folder(folder) from None
        remedy = "Give a finished run, or its RUN/final."
        if exists(Path(path) / RESOLVED):
            remedy = f"Finish the run with `genkit resume {path}`."
            if not exists(folder / ABOUT):
                raise UsageError(f"{path}: this run has not finished, so it has no model yet. {remedy}") from None
        raise UsageError(f"{folder}: not a model folder (no readable {ABOUT}). {remedy}") from None
    except OSError as error:
        raise unreadable(folder / ABOUT, error) from None


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


def _build_model(document: Document, data_shape: tuple[int, ...]) -> Model:
    """Return the untrained model of a recipe. Raises `RecipeError`."""
    binder = Binder(load_registry(), document)
    try:
        target, arguments = binder.prepare("models", document.tables.get("model"), ("model",), ("data_shape",))
        return binder.construct(target, arguments | {"data_shape": data_shape}, ("model",))
    except Invalid:
        raise RecipeError(binder.problems) from None
