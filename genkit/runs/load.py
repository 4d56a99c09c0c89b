"""A trained model back from disk, with one call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.core.metric import BatchNormMode
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import Dataset
from genkit.engine.malloc import keep_freed_memory
from genkit.errors import RecipeError, UsageError
from genkit.evaluation.batch_norm import norms_of
from genkit.evaluation.data_fingerprint import check_data_fingerprint
from genkit.evaluation.evaluate import Result, evaluate
from genkit.evaluation.samples import in_chunks
from genkit.recipe.bind import Binder, Invalid
from genkit.recipe.document import Document, read
from genkit.recipe.missing import unmet_extractors
from genkit.recipe.overrides import with_override
from genkit.recipe.plan import Plan
from genkit.recipe.registry import load_registry
from genkit.runs.run_folder import no_run
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.weights import ABOUT, EMA, MADE_AGAIN, copy_by_name, model_folder, read_weights


def load(path: str | PathLike[str], weights: str = "raw") -> Model:
    """Return the model of a finished run or of a final folder, in evaluation mode, on the CPU.

    Neither the data nor the loss is needed, only the plugin that supplies the model. Raises `UsageError`.
    """
    folder, about = model_folder(Path(path)), facts_of(path)
    binder = Binder(load_registry(), _recipe_of(folder))
    try:
        table = binder.document.tables.get("model")
        target, arguments = binder.prepare("models", table, ("model",), ("data_shape",))
        model = binder.construct(target, arguments | {"data_shape": tuple(about["data_shape"])}, ("model",))
    except Invalid:
        raise RecipeError(binder.problems) from None
    tensors = read_weights(folder, weights)
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        model.double()
    copy_by_name(model, tensors, folder)
    return model.eval()


def facts_of(path: str | PathLike[str]) -> dict[str, Any]:
    """Return what a finished run or a final folder says of itself: its data shape, step, parts and environment."""
    folder = model_folder(Path(path))
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        about["data_shape"] = list(about["data_shape"])
        return about
    except (OSError, ValueError, KeyError, TypeError):
        if not folder.is_dir():
            raise no_run(folder) from None
        remedy = f" `genkit resume {path}` brings the run to its end." if (Path(path) / RESOLVED).is_file() else ""
        raise UsageError(f"{folder}: no final folder of a run (it has no readable {ABOUT}).{remedy}") from None


def _recipe_of(folder: Path) -> Document:
    """Return the recipe of a final folder. Raises `UsageError`."""
    path = folder / RECIPE
    try:
        document = read(path) if path.is_file() else Document({})
    except UsageError:
        document = Document({})
    if "model" not in document.tables:
        what = "cannot be read" if path.exists() else "not there"
        raise UsageError(f"{path}: {what}. {MADE_AGAIN.format(folder=folder)}")
    return document


def evaluate_run(path: Path, plan: Plan, seed: int, batch_norm: Sequence[BatchNormMode] = ()) -> list[Result]:
    """Compute the plan's metrics of a finished run, each in the mode of its own or in all that `batch_norm` names.

    Raises `UsageError` where data or weights are absent, and for modes of a model without batch norm.
    """
    unmet = (*plan.data.unmet(), *plan.data.held_out().unmet(), *map(str, unmet_extractors(plan.metrics)))
    if unmet := tuple(dict.fromkeys(unmet)):  # what only training needs may lack
        raise UsageError("\n".join(unmet))
    shape = list(plan.data.shape)
    if shape != (trained := facts_of(path)["data_shape"]):
        raise UsageError(f"{path}: the samples of [data] have the shape {shape}, and the run was trained on {trained}.")
    refuse_other_data(path, plan.data)
    keep_freed_memory()
    models = {which: load(path, which) for which in {m.weights for m in plan.protocols.values()} | {"raw"}}
    if batch_norm and not norms_of(models["raw"]):
        raise UsageError(f"{path}: its model has no batch norm, so that --batch-norm would do nothing. Leave it out.")
    modes: Sequence[BatchNormMode | None] = batch_norm or (None,)
    found = [evaluate(plan.metrics, plan.data, models.__getitem__, seed, mode) for mode in modes]
    return [result for of_one_metric in zip(*found, strict=True) for result in of_one_metric]


@dataclass(frozen=True)
class Trained:
    """A trained model, and what its final folder says of it."""

    model: Model  # in evaluation mode, on the CPU
    weights: str  # which: "raw" or "ema"
    trained: str  # how long: "step 3000", "epoch 150"; empty where nothing tells
    document: Document  # its recipe, with every default

    @property
    def title(self) -> str:
        """What stands on its pictures: the title of the recipe, the step and the weights."""
        how_long = f"{self.trained}, " if self.trained else ""
        return f"{self.document.tables.get('title', 'untitled')}: {how_long}{self.weights} weights"

    @property
    def noise(self) -> Noise:
        """The randomness of its pictures: with it they show what the previews of the run show."""
        return Noise(int(self.document.tables.get("seed", 0)), 0, "preview", Rows.all(1))


def open_trained(path: Path, weights: str | None = None) -> Trained:
    """Return the model of a finished run or of a final folder. Raises `UsageError`.

    `weights` None means the moving average where there is one.
    """
    folder = model_folder(path)
    facts = facts_of(path)
    which = weights or ("ema" if EMA in facts.get("sha256", {}) else "raw")
    counted = ((unit, facts.get(unit)) for unit in ("step", "epoch"))  # a converted checkpoint may know epochs alone
    trained = next((f"{unit} {count}" for unit, count in counted if count is not None), "")
    return Trained(load(path, which), which, trained, _recipe_of(folder))


def open_held_out(path: Path, overrides: Sequence[str] = ()) -> Dataset:
    """Return what the recipe of a finished run or of a final folder holds out, without its loss or model.

    `overrides` are those of ``--set``, such as ``"data.path=mnist"``: a final folder may have come without its data.
    Raises `UsageError` where the data are absent or of another shape, and `RecipeError` where [data] cannot be bound.
    """
    document = _recipe_of(model_folder(path))
    for override in overrides:
        document = with_override(document, override)
    binder = Binder(load_registry(), document)
    try:
        data = binder.part("datasets", document.tables.get("data"), ("data",))
    except Invalid:
        raise RecipeError(binder.problems) from None
    shape, trained = list(data.shape), facts_of(path)["data_shape"]
    if shape != trained:
        raise UsageError(f"{path}: the samples of [data] have the shape {shape}, and the model takes {trained}.")
    held_out: Dataset = data.held_out()
    if unmet := held_out.unmet():
        raise UsageError("\n".join(dict.fromkeys(unmet)))
    refuse_other_data(path, data)
    return held_out


def refuse_other_data(path: Path, data: Dataset) -> None:
    """Raise `UsageError` for data other than a finished run's: it may have learnt from what they hold out."""
    check_data_fingerprint(
        facts_of(path).get("data", {}),
        data,
        "What it holds out now may be among what the model has learnt from, and numbers on it could not be compared. "
        f"Put it back as it was; `genkit reconstruct {path} --data FOLDER` shows the model other pictures.",
    )


def draw_samples(trained: Trained, number: int, seed: int) -> Tensor:
    """Return `number` samples of a model, (B, *data_shape), for latent codes that depend on number and seed alone."""
    with torch.no_grad():
        return in_chunks(trained.model.sample, draw_codes(trained.model, number, seed), trained.model.data_shape)


def draw_codes(model: Model, number: int, seed: int) -> Tensor:
    """Return draws of the prior in the model's dtype, (B, L)."""
    dtype = next(model.parameters()).dtype
    return Noise(seed, 0, "sample", Rows.all(number), dtype=dtype).randn("z", model.latent_dim)
