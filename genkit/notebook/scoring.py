"""How abnormal pictures are: scores and maps, with a threshold from normal pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.scoring import SEED
from genkit.bases.pictures.array_picture import ROUNDING
from genkit.console.output import progress_count
from genkit.core.estimate import Estimate
from genkit.core.global_generators import seeded_generators
from genkit.core.model import evaluating
from genkit.errors import UsageError, warn_user
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.arrays import inputs_tensor, refuse_other_range
from genkit.notebook.changes import Changes, changes_of
from genkit.notebook.computing import computing
from genkit.notebook.memory import MemoryData, data_of_run
from genkit.notebook.messages import naming_arguments, with_arguments
from genkit.notebook.run import Run
from genkit.notebook.trained_model import TrainedModel, load
from genkit.recipe.text.overrides import overrides_within
from genkit.runs.trained_models.build_parts import build_score
from genkit.runs.trained_models.collapse import ReconstructedSet
from genkit.runs.trained_models.sample_sets import SampleSet, set_of_tensor
from genkit.runs.trained_models.trained import open_data
from genkit.runs.user_pictures.anomaly_maps import MapOfScore, check_map, check_rate_of_pixels, threshold_of_maps
from genkit.runs.user_pictures.described_score import remark_on_weights
from genkit.runs.user_pictures.score_pictures import ScoredSets, check_scores, score_sets
from genkit.runs.user_pictures.sets_to_score import SetsToScore, fitted_to_training, held_out_set, open_sets
from genkit.sharing.pull import find_folder
from genkit.storage.user_path import user_path

Known = Callable[[Tensor], int | None]


@dataclass(frozen=True)
class Scores:
    """Scores of pictures, higher for more abnormal ones, beside those of normal pictures."""

    sets: ScoredSets

    @property
    def scores(self) -> Tensor:
        """The score of each picture, (n,) float64."""
        return self.sets.others[0].scores

    @property
    def names(self) -> list[str]:
        """The name of each picture: its file, or its row."""
        return self.sets.others[0].names

    @property
    def normal(self) -> Tensor:
        """The scores of the normal pictures, (m,) float64."""
        return self.sets.normal.scores

    @property
    def threshold(self) -> float:
        """The lowest score that at most the given share of the normal pictures exceeds."""
        return self.sets.threshold

    @property
    def abnormal(self) -> Tensor:
        """Whether each picture scores above the threshold, (n,) bool."""
        return self.scores > self.threshold

    @cached_property
    def auroc(self) -> Estimate:
        """Area under the ROC curve with its 95 % interval, if all pictures are abnormal: a number with `interval`."""
        return self.sets.separation(self.sets.others[0]).auroc

    def __repr__(self) -> str:
        above, number = int(self.abnormal.sum()), len(self.scores)
        return f"<scores of {number:,} pictures, {above:,} above the threshold {self.threshold:.6g}>"


@dataclass(frozen=True)
class AnomalyMaps:
    """Maps of where pictures are abnormal."""

    maps: Tensor  # (n, H, W) float32
    threshold: float  # the lowest value that at most the given share of the pixels of normal pictures exceeds

    @property
    def abnormal(self) -> Tensor:
        """Whether each pixel is above the threshold, (n, H, W) bool."""
        return self.maps > self.threshold

    def __repr__(self) -> str:
        share = self.abnormal.double().mean().item()
        return f"<maps {tuple(self.maps.shape)}, {share:.2%} of the pixels above the threshold {self.threshold:.6g}>"


@naming_arguments()
@checked_arguments()
@computing("score()", "Pass fewer pictures at a time.")
def score(
    run: Run | str | PathLike[str],
    pictures: Any,
    score: str = "elbo",
    *,
    normal: Any = None,
    fpr: float = 0.05,
    set: Changes = (),
    weights: Literal["raw", "ema"] | None = None,
    device: str | torch.device | None = None,
    data: MemoryData | None = None,
) -> Scores:
    """Return how abnormal pictures are, as `genkit score` computes it, with a threshold from normal pictures.

    Args:
        run: A run, a model folder, an exported folder, or ORG/NAME, a model on the hub.
        pictures: Samples as an array or a tensor, (n, *data_shape), as the model takes them, images as uint8 or in
            [0, 1]; or a folder or a file of pictures, which are cropped, converted and resized as those of the run.
        score: The name of a score, such as "elbo", "error" or "mahalanobis".
        normal: Normal pictures, of the same form as `pictures`; by default the held-out split of the run.
        fpr: The share of the normal pictures that may be above the threshold.
        set: Changes of keys of the score, such as "score.draws=50", or of the data, such as "data.path=pictures";
            several such texts, or a mapping such as {"score.draws": 50}.
        weights: "raw" or "ema"; by default the EMA weights if there are any.
        device: Where the networks compute; the CPU by default.
        data: The samples of a run that was trained on samples in memory; a `Run` keeps them.

    Raises `UsageError` if the model cannot give the score, for pictures that cannot be used, for too few normal
    pictures, and if the data of the run are needed and missing; also for pictures that the model was trained on, if
    they are in files of the training data or in memory, or have been read as `run.data` of the `Run` that is passed.
    """
    path = find_folder(run)
    loaded = load(path, weights, device)
    of_score, of_data = _changes(set)
    chosen = build_score(score, of_score)
    model = check_scores(path, loaded.trained, chosen, score)
    memory, known = _memory(run, data)
    with data_of_run(path, memory):
        sets = _sets(path, loaded, pictures, normal, of_data, known)
        scored = score_sets(path, loaded.trained, model, chosen, sets, fpr)
    remarks = (scored.reconstructed.remark_on(path), remark_on_weights(score, chosen, loaded.trained, of_score))
    _warn_of(*(each.remark for each in scored.every), *remarks)
    return Scores(scored)


@naming_arguments()
@checked_arguments()
@computing("anomaly_maps()", "Pass fewer pictures at a time.")
def anomaly_maps(
    run: Run | str | PathLike[str],
    pictures: Any,
    score: str = "error",
    *,
    normal: Any = None,
    fpr: float = 0.05,
    smooth: float = 0.0,
    set: Changes = (),
    weights: Literal["raw", "ema"] | None = None,
    device: str | torch.device | None = None,
    data: MemoryData | None = None,
) -> AnomalyMaps:
    """Return maps of where pictures are abnormal, as `genkit anomaly` computes them.

    `fpr` is the share of the pixels of normal pictures that may be above the threshold, `smooth` the standard deviation
    of a Gaussian in pixels that smooths the maps. The other arguments, and what is raised, are those of `score`.
    """
    path = find_folder(run)
    loaded = load(path, weights, device)
    of_score, of_data = _changes(set)
    chosen = build_score(score, of_score)
    model = check_map(path, loaded.trained, chosen, score, smooth)
    memory, known = _memory(run, data)
    with data_of_run(path, memory):
        sets = _sets(path, loaded, pictures, normal, of_data, known)
        check_rate_of_pixels(model, sets.normal, fpr)
        with evaluating(model), seeded_generators(SEED):
            fitted = fitted_to_training(path, loaded.trained, model, chosen, sets.data)
            mapping = MapOfScore(model, fitted, smooth)
            [of_pictures] = sets.others
            found = []
            with progress_count("computing maps", len(sets.normal) + len(of_pictures)) as advance:
                watched = ReconstructedSet(model, sets.normal, loaded.trained.weights)
                threshold = threshold_of_maps(mapping, watched, fpr, advance)
                for chunk in of_pictures:
                    found.append(mapping(of_pictures, chunk))
                    advance(len(chunk.names))
    _warn_of(*(each.remark() for each in sets.every), watched.reconstructed.remark_on(path))
    return AnomalyMaps(torch.from_numpy(np.concatenate(found)), threshold)


def _changes(given: Changes) -> tuple[list[str], list[str]]:
    """Return the changes of keys of the score, and of those of the data. Raises `UsageError` for others."""
    changes = overrides_within(("score", "data"), changes_of(given), "score.draws=50")
    of_score = [change for change in changes if change.strip().startswith("score")]
    return of_score, [change for change in changes if change not in of_score]


def _warn_of(*remarks: str) -> None:
    """Warn of each line of remarks, as commands print them."""
    for line in "\n".join(remarks).splitlines():
        if line:
            warn_user(with_arguments(line))


def _memory(run: object, data: MemoryData | None) -> tuple[MemoryData | None, Known]:
    """Return the samples in memory, and what finds the first row that the model is known to be trained on."""
    if isinstance(run, Run) and data in (None, run.memory):
        return run.memory, run.row_trained_on
    return data, data.row_trained_on if data is not None else lambda x: None


def _sets(
    path: Path, loaded: TrainedModel, pictures: Any, normal: Any, changes: Sequence[str], known: Known
) -> SetsToScore:
    """Open the pictures and the normal ones, each an array or a place. Raises `UsageError`."""
    trained = loaded.trained
    if _is_place(pictures) and (normal is None or _is_place(normal)):
        return open_sets(path, trained, [user_path(pictures)], None if normal is None else user_path(normal), changes)
    if _is_place(pictures) or _is_place(normal):
        raise UsageError("pictures, normal: found an array and a place. Give both as arrays, or both as places.")
    data = open_data(path, changes)
    of_normal = (
        held_out_set(path, trained, data, changes) if normal is None else _array_set(loaded, normal, "normal", known)
    )
    return SetsToScore(of_normal, [_array_set(loaded, pictures, "pictures", known)], data)


def _array_set(loaded: TrainedModel, given: Any, name: str, trained_on: Known) -> SampleSet:
    x = inputs_tensor(given, loaded.data_shape, loaded.dtype, name)
    if not len(x):
        raise UsageError(f"{name}: found no sample. Give at least one.")
    if x.dim() == 4:
        refuse_other_range(x, name, ROUNDING)
    if (row := trained_on(x)) is not None:
        raise UsageError(
            f"{name}: the model was trained on row {row}, and a training picture looks more normal than a new one. "
            "Give pictures that the run has not seen."
        )
    return set_of_tensor(name, x, loaded.module)


def _is_place(given: object) -> bool:
    return isinstance(given, (str, PathLike))
