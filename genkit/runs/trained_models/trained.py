"""Trained models for the commands that draw: the model with its title, its noise, its samples and its held-out data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.bases.pictures.levels import Levels
from genkit.core.condition import LABEL
from genkit.core.dataset import Dataset
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.engine.out_of_memory import refused_if_out_of_memory
from genkit.errors import RecipeError, UsageError
from genkit.evaluation.data_fingerprint import check_data_fingerprint
from genkit.evaluation.samples import in_chunks
from genkit.recipe.machine.missing import place_of_data, relative_paths
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import with_override
from genkit.recipe.text.placed import placing_errors
from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.trained_models.build_parts import build_data
from genkit.runs.trained_models.load import load_saved
from genkit.runs.trained_models.saved_model import SavedModel, find_model


@dataclass(frozen=True)
class Trained:
    """A trained model, and what its model folder says about it."""

    model: Model  # in evaluation mode, on the CPU unless it is moved
    weights: str  # "raw" or "ema"
    trained: str  # how long it was trained: "step 3000" or "epoch 150"; empty if unknown
    document: Document  # its recipe, with all defaults
    remark: str  # what a user must know about the weights; often empty
    fitted: bool = False  # whether the prior was fitted after the training

    @property
    def title(self) -> str:
        """Title of its pictures: the title of the recipe, the step, the weights, and whether the prior was fitted."""
        how_long = f"{self.trained}, " if self.trained else ""
        prior = ", fitted prior" if self.fitted else ""
        return f"{self.document.tables.get('title', 'untitled')}: {how_long}{self.weights} weights{prior}"

    @property
    def data(self) -> Mapping[str, Any]:
        """The table [data] of its recipe."""
        table = self.document.tables.get("data")
        return table if isinstance(table, Mapping) else {}

    @property
    def seed(self) -> int:
        """Seed of its recipe."""
        return int(self.document.tables.get("seed", 0))

    @property
    def noise(self) -> Noise:
        """Noise of its pictures, the same as in the run: pictures show the latent codes of the run's previews."""
        return Noise(self.seed, 0, "preview", Rows.all(1))


def open_trained(path: Path, weights: str | None = None) -> Trained:
    """Return the model of a run or of a model folder, with its facts. Raises `UsageError`.

    `weights` is "raw", "ema", or None for the EMA weights if there are any, otherwise the raw ones.
    """
    saved = find_model(path)
    which = weights or saved.shown_weights
    counted = ((unit, saved.facts.get(unit)) for unit in ("step", "epoch"))  # a converted checkpoint knows epochs only
    trained = next((f"{unit} {count}" for unit, count in counted if count is not None), "")
    return Trained(load_saved(saved, which), which, trained, saved.recipe, saved.remark, FIT in saved.facts)


def levels_of(trained: Trained) -> Levels | None:
    """Return the levels of the pictures that a model was trained on; None if its data declare none.

    A data set of a plugin may have levels without these keys. Raises `RecipeError` if ``[data]`` declares levels and is
    wrong.
    """
    try:
        levels = getattr(build_data(trained.document), "levels", None)
    except RecipeError:
        if {"window", "percentiles"} & trained.data.keys():
            raise
        return None  # pictures of other data need no levels, so no plugin of the data is needed
    return levels if isinstance(levels, Levels) else None


def draw_samples(trained: Trained, number: int, seed: int, labels: Tensor | None = None) -> Tensor:
    """Return `number` samples of a model, (B, *data_shape), on the CPU. They depend on the arguments only.

    A conditional model generates samples of the classes `labels`, (B,), or else of those that `draw_labels` returns.
    Raises `UsageError` if they do not fit into the memory.
    """
    model = trained.model
    with torch.no_grad(), refused_if_out_of_memory(f"{number:,} samples", "Draw fewer at a time."):
        labels = draw_labels(model, number, seed) if labels is None else labels
        given = model.given_rows({} if labels is None else {LABEL: labels})
        with given(slice(None)):
            codes = draw_codes(model, number, seed)
        return in_chunks(model.sample, codes, model.data_shape, given)


def draw_labels(model: Model, number: int, seed: int) -> Tensor | None:
    """Return `number` classes drawn with the frequencies of the training data, (B,); None unless it is conditional."""
    return model.draw_condition(_noise_of_codes(model, number, seed)).get(LABEL)


def draw_codes(model: Model, number: int, seed: int) -> Tensor:
    """Return `number` draws of the prior, (B, L), in the model's dtype and on its device."""
    with torch.no_grad():
        return model.prior.sample(_noise_of_codes(model, number, seed))


def _noise_of_codes(model: Model, number: int, seed: int) -> Noise:
    weight = next(model.parameters())
    return Noise(seed, 0, "sample", Rows.all(number), weight.device, weight.dtype)


def open_data(path: Path, overrides: Sequence[str] = ()) -> Dataset:
    """Return the training data of a run or of a model folder, which may be missing. Neither loss nor model is built.

    `overrides` are those of ``--set``, such as ``"data.path=mnist"``, for a model folder that was copied without its
    data. Raises `UsageError` if samples have another shape, and `RecipeError` if ``[data]`` is wrong.
    """
    document = _document_of_data(path, overrides)
    data = build_data(document)
    with placing_errors(document):
        check_data_shape(path, find_model(path), data)
    return data


def _document_of_data(path: Path, overrides: Sequence[str]) -> Document:
    """Return the recipe of a run or of a model folder, with overrides. Raises `UsageError`."""
    document = find_model(path).recipe
    for override in overrides:
        document = with_override(document, override)
    return document


def open_held_out(path: Path, overrides: Sequence[str] = ()) -> Dataset:
    """Return the held-out split of the data of a run or of a model folder, ready to read.

    Raises what `open_data` and `require_data` raise.
    """
    data = open_data(path, overrides)
    held_out: Dataset = data.held_out()
    require_data(path, data, held_out, overrides)
    return held_out


def require_data(
    path: Path, data: Dataset, split: Dataset, overrides: Sequence[str] = (), *, may_move: bool = True
) -> None:
    """Raise `UsageError` if a split of the data cannot be read, or if the data differ from those of the training.

    `overrides` are those that the data were opened with. `may_move` says that the caller takes another place of the
    data, ``data.path``, which the message then advises.
    """
    with placing_errors(_document_of_data(path, overrides)):
        if unmet := split.unmet():
            hints = place_of_data(data, unmet) if may_move else relative_paths(data)
            raise UsageError("\n".join(dict.fromkeys((*unmet, *hints))))
        refuse_other_data(path, find_model(path), data)


def check_data_shape(path: Path, saved: SavedModel, data: Dataset) -> None:
    """Raise `UsageError` if the samples have another shape than those that the model was trained on."""
    shape, trained = list(data.shape), saved.facts["data_shape"]
    if shape != trained:
        raise UsageError(
            f"{path}: the samples of [data] have the shape {shape}, but the model was trained on samples of the shape "
            f"{trained}. Set the keys of [data] back to those of the run."
        )


def refuse_other_data(path: Path, saved: SavedModel, data: Dataset) -> None:
    """Raise `UsageError` if the data differ from those of the run: the model may know samples that are now held out."""
    check_data_fingerprint(
        saved.facts.get("data") or {},
        data,
        "The model may have been trained on samples that are now held out, so results on them could not be compared. "
        f"Restore the data; `genkit reconstruct {path} --data FOLDER` reconstructs other pictures.",
    )
