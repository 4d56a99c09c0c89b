"""Scores of one sample beside those of normal samples: the numbers of ``genkit score``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.map_chunks import raw_maps
from genkit.bases.metrics.scoring import SEED, raw_scores
from genkit.core.dataset import Dataset
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Autoencoder, evaluating
from genkit.core.score import Score, require_map, require_score
from genkit.errors import RecipeError, UsageError, reason_of
from genkit.notebook.trained_model import TrainedModel
from genkit.recipe.installed.registry import load_registry
from genkit.runs.trained_models.build_parts import build_score
from genkit.runs.trained_models.sample_sets import set_of_data
from genkit.runs.trained_models.trained import require_data
from genkit.runs.user_pictures.sets_to_score import HELD_OUT, fitted_to_training

NORMAL = 256  # held-out samples that a score is compared with


@dataclass(frozen=True)
class ScoreRow:
    """A score of a sample."""

    name: str
    value: float | None  # higher for more abnormal samples; None if it cannot be computed
    above: float | None = None  # share of the normal samples that score lower; None if there are none at hand
    reason: str = ""  # why there is no value


class ScoreBoard:
    """All scores that a model can give with their default keys.

    A score that must be fitted is fitted to the training data when it is first asked for; then the normal samples are
    scored as well. Both are kept.
    """

    def __init__(self, path: Path, model: TrainedModel, data: Dataset | None, remark: str = ""):
        """`data` are the training data, whose files may be missing; None if they cannot be opened, as `remark` says."""
        self.path, self.model, self.data = path, model, data
        self._scores = dict(_possible_scores(model))
        self._fitted: dict[str, Score] = {}
        self._normal: dict[str, Tensor] = {}
        self.normal_remark = remark  # why there are no normal samples to compare with

    @property
    def names(self) -> list[str]:
        """The names of the scores, those of genkit first."""
        return list(self._scores)

    def names_of_maps(self) -> list[str]:
        """Return the names of the scores that have a map and need no fit, `error` first."""
        found = [name for name, score in self._scores.items() if not score.samples_to_fit and self._has_map(score)]
        return sorted(found, key=lambda name: name != "error")

    def rows(self, x: Tensor) -> list[ScoreRow]:
        """Return all scores of a sample, (1, *data_shape)."""
        return [self._row(name, x) for name in self._scores]

    def map(self, name: str, x: Tensor) -> Tensor:
        """Return the map of a score, (1, C, H, W) -> (1, H, W) float32, as `genkit anomaly` computes it."""
        with evaluating(self._autoencoder), seeded_generators(SEED):
            return torch.from_numpy(np.array(raw_maps(self._autoencoder, self._scores[name], 0.0, self._placed(x))))

    @property
    def _autoencoder(self) -> Autoencoder:
        assert isinstance(self.model.module, Autoencoder)  # other models have no scores
        return self.model.module

    def _row(self, name: str, x: Tensor) -> ScoreRow:
        model = self._autoencoder
        try:
            with evaluating(model), seeded_generators(SEED):
                score = self._fit(name)
                value = raw_scores(model, score, self._placed(x)).item()
                normal = self._normal_scores(name, score)
        except (UsageError, ValueError) as error:
            return ScoreRow(name, None, reason=str(error))
        except Exception as error:  # of one score, or of the data: the other scores are shown
            return ScoreRow(name, None, reason=reason_of(error))
        above = None if normal is None else (normal < value).double().mean().item()
        return ScoreRow(name, value, above)

    def _fit(self, name: str) -> Score:
        if name not in self._fitted:
            score = self._scores[name]
            if score.samples_to_fit:
                if self.data is None or self.data.unmet():
                    raise UsageError("needs the training data, which are not on this machine.")
                score = fitted_to_training(self.path, self.model.trained, self._autoencoder, score, self.data)
            self._fitted[name] = score
        return self._fitted[name]

    def _normal_scores(self, name: str, score: Score) -> Tensor | None:
        """Return the scores of normal samples, (n,); None if there are none, which `normal_remark` explains."""
        if name not in self._normal and self.data is not None and not self.normal_remark:
            try:
                held_out: Dataset = self.data.held_out()
                require_data(self.path, self.data, held_out)
                total = NORMAL if held_out.size is None else min(held_out.size, NORMAL)
                if total == 0:
                    raise UsageError(f"the {held_out.split} split has no samples.")
                chunks = set_of_data(HELD_OUT, held_out, self._autoencoder, total, self.model.trained.seed)
                self._normal[name] = torch.cat([raw_scores(self._autoencoder, score, chunk.x) for chunk in chunks])
            except Exception as error:  # of the disk, or of a plugin: the score of the sample is known
                self.normal_remark = reason_of(error)
        return self._normal.get(name)

    def _placed(self, x: Tensor) -> Tensor:
        return x.to(next(self._autoencoder.parameters()))

    def _has_map(self, score: Score) -> bool:
        try:
            require_map(score, self._autoencoder)
        except ValueError:
            return False
        return True


def _possible_scores(model: TrainedModel) -> list[tuple[str, Score]]:
    """Return the installed scores that the model can give, with their default keys."""
    found = []
    for part in load_registry().of_kind("scores"):
        try:
            score = build_score(part.entry.name)
            require_score(score, model.module)
        except (RecipeError, ValueError):
            continue  # it has keys without a default, or suits another model
        found.append((part.entry.name, score))
    return found
