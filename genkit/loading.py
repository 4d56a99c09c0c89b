"""A trained model back from disk, with one call."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.bind import Binder, Invalid
from genkit.engine.evaluate import Result, evaluate
from genkit.engine.weights import ABOUT, EMA, copy_by_name, final_folder, read_weights
from genkit.errors import RecipeError, UsageError
from genkit.folder import RECIPE, RESOLVED
from genkit.model import Model
from genkit.noise import Noise, Rows
from genkit.plan import Plan
from genkit.registry import load_registry
from genkit.toml import read


def load(path: str | PathLike[str], weights: str = "raw") -> Model:
    """Return the model of a finished run or of a final folder, in evaluation mode, on the CPU.

    Neither the data nor the loss is needed, only the plugin that supplies the model. Raises `UsageError`.
    """
    folder, about = final_folder(Path(path)), facts_of(path)
    binder = Binder(load_registry(), read(folder / RECIPE))
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
    folder = final_folder(Path(path))
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        about["data_shape"] = list(about["data_shape"])
        return about
    except (OSError, ValueError, KeyError, TypeError):
        remedy = f" `genkit resume {path}` brings the run to its end." if (Path(path) / RESOLVED).is_file() else ""
        raise UsageError(f"{folder}: no final folder of a run (it has no readable {ABOUT}).{remedy}") from None


def evaluate_run(path: Path, plan: Plan, seed: int) -> list[Result]:
    """Compute the plan's metrics of a finished run. Raises `UsageError` where data or weights are absent."""
    if unmet := dict.fromkeys((*plan.data.unmet(), *plan.data.held_out().unmet())):  # what only training needs may lack
        raise UsageError("\n".join(unmet))
    shape = list(plan.data.shape)
    if shape != (trained := facts_of(path)["data_shape"]):
        raise UsageError(f"{path}: the samples of [data] have the shape {shape}, and the run was trained on {trained}.")
    models = {which: load(path, which) for which in {m.weights for m in plan.protocols.values()} | {"raw"}}
    return evaluate(plan.metrics, plan.data, models.__getitem__, seed)


def draw_samples(path: Path, number: int, seed: int, weights: str | None) -> tuple[Tensor, str]:
    """Return `number` samples of a finished run, (B, *data_shape), and which weights drew them.

    `weights` None means the moving average where there is one. Raises `UsageError`.
    """
    which = weights or ("ema" if (final_folder(path) / EMA).exists() else "raw")
    model = load(path, which)
    dtype = next(model.parameters()).dtype
    z = Noise(seed, 0, "sample", Rows.all(number), dtype=dtype).randn("z", model.latent_dim)
    with torch.no_grad():
        return torch.cat([model.sample(chunk) for chunk in z.split(1000)]), which
