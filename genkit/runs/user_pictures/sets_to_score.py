"""The sets of pictures that scores and maps compare: normal ones, and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.bases.metrics.scoring import MOST_SAMPLES, check_fit
from genkit.core.dataset import Dataset
from genkit.core.model import Autoencoder
from genkit.core.score import Score
from genkit.errors import UsageError
from genkit.evaluation.draws import read
from genkit.runs.trained_models.sample_sets import SampleSet, set_of_data, set_of_pictures
from genkit.runs.trained_models.trained import Trained, open_data, require_data
from genkit.runs.user_pictures.user_groups import groups_of_sets
from genkit.runs.user_pictures.user_sets import (
    open_user_sets,
    refuse_shared_files,
    refuse_trained_on,
    set_names,
    split_files,
)

HELD_OUT = "held-out"  # name of the set of normal pictures, unless the user gives them
SAME = "Normal pictures do not count as abnormal. Give other pictures"


@dataclass(frozen=True)
class SetsToScore:
    """The opened sets; nothing has been decoded."""

    normal: SampleSet
    others: list[SampleSet]
    data: Dataset  # the training data, which may be missing

    @property
    def every(self) -> list[SampleSet]:
        """All sets, the normal pictures first."""
        return [self.normal, *self.others]


def open_sets(
    path: Path,
    trained: Trained,
    places: Sequence[Path],
    normal: Path | None = None,
    overrides: Sequence[str] = (),
    groups: Path | None = None,
) -> SetsToScore:
    """Open the normal pictures and the sets to compare with them.

    Args:
        path: The run or the model folder.
        trained: Its model.
        places: Folders, files or arrays of pictures, one set each.
        normal: Place of normal pictures; None for the held-out split of the data of the run, at most 5,000 samples of
            it, chosen at random as the metrics choose them.
        overrides: Those of ``--set data.KEY=VALUE``.
        groups: CSV file with the group of each picture of `places` and of `normal`. Those of the held-out split are
            those of the recipe.

    Raises `UsageError` if a set has no picture, or one that the model was trained on or that is among the normal
    pictures, and if the data of the run are needed and missing.
    """
    data = open_data(path, overrides)
    opened = open_user_sets(places, data, trained.model.data_shape, "--data")
    refuse_trained_on(opened, data)
    names = set_names([*places, *([normal] if normal else [])], taken=() if normal else (HELD_OUT,))
    own = list(opened)
    if normal is None:
        held_out: Dataset = data.held_out()
        refuse_shared_files(opened, split_files(held_out), "the held-out split, which is normal, has", SAME)
        normal_set = held_out_set(path, trained, data, overrides)
    else:
        [of_normal] = open_user_sets([normal], data, trained.model.data_shape, "--normal")
        refuse_trained_on([of_normal], data)
        refuse_shared_files(opened, of_normal.files(), f"--normal {normal} has", SAME)
        own.append(of_normal)
    of_sets = groups_of_sets(groups, names, own)
    sets = [set_of_pictures(name, each, trained.model, of) for name, each, of in zip(names, own, of_sets, strict=True)]
    if normal is not None:
        *others, normal_set = sets
    else:
        others = sets
    return SetsToScore(normal_set, others, data)


def held_out_set(path: Path, trained: Trained, data: Dataset, overrides: Sequence[str] = ()) -> SampleSet:
    """Return the held-out split of the data of a run as normal pictures, at most 5,000 samples of it.

    They are chosen at random as the metrics choose them. Raises `UsageError` if there are none or data are missing.
    """
    held_out: Dataset = data.held_out()
    try:
        require_data(path, data, held_out, overrides)
    except UsageError as error:
        raise UsageError(f"{error}\nOr give normal pictures of your own, with --normal.") from None
    if held_out.size == 0:
        raise UsageError(f"{path}: the {held_out.split} split of its data has no samples. Add --normal FOLDER.")
    total = MOST_SAMPLES if held_out.size is None else min(held_out.size, MOST_SAMPLES)
    return set_of_data(HELD_OUT, held_out, trained.model, total, trained.seed)


def fitted_to_training(path: Path, trained: Trained, model: Autoencoder, score: Score, data: Dataset) -> Score:
    """Return the score, fitted to samples of the training data if it needs any: those that the metrics use.

    Raises `UsageError` if the data are needed and missing, or too few.
    """
    if score.samples_to_fit == 0:
        return score
    require_data(path, data, data)
    try:
        check_fit(score, data)
    except ValueError as error:
        raise UsageError(f"{path}: {error}: --set score.samples=NUMBER.") from None
    try:
        with model.given(None):
            return score.fitted(model, read(model, data, score.samples_to_fit, trained.seed))
    except ValueError as error:
        raise UsageError(f"{path}: {error}.") from None
